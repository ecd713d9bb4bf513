"""What came out of one case with one healer."""

from dataclasses import dataclass, field

from tests.lab.exam.cases import Case
from tests.lab.host import Row


@dataclass(frozen=True, slots=True)
class Told:
    """What ours told a person, and how its own record ended; all empty for a healer that keeps none."""

    escalated: bool = False
    right_cause: bool = False
    right_plan: bool = False
    changes: tuple[str, ...] = ()
    early: int = 0
    """Changes before a person was called."""
    texts: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """Where the record is not what it should be."""


@dataclass(frozen=True, slots=True)
class Result:
    """`wrong` is empty when the case came out as it should."""

    case: Case
    healer: str
    healed: bool = False
    seconds: float | None = None
    """From the fault to the moment from which on a user was served again."""
    noticed: bool = False
    """A user saw that it was broken, before whoever heals was done."""
    relapsed: bool = False
    harm: tuple[str, ...] = ()
    acted: bool = False
    """It started, stopped or changed what the case itself left as it was; of a peer this is known beside `none` only."""
    told: Told = Told()
    broken: str = ""
    """Why the case itself proves nothing."""
    wrong: tuple[str, ...] = ()
    units: dict[str, Row] = field(default_factory=dict)
    """Where each unit ended: its state, and how often it was started since the fault."""
    took: float = 0.0
    story: str = ""
    """The healer's own journal."""

    @property
    def ok(self) -> bool:
        return not self.broken and not self.wrong
