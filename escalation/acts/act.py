"""What an act of a person is, and what came of one."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from escalation.front import TEXT_CHARACTERS
from escalation.plans import parse_step, read_json
from escalation.words import Escalation
from orchestrator.actions import parse
from orchestrator.model import Json, Word

if TYPE_CHECKING:
    from escalation.operator import Operator

Of = Literal["escalation", "intervention", "incident", "pattern", "memory", "window", "host"]
"""What the number of an act counts. The host is one, and has none."""

Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=TEXT_CHARACTERS)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_CHARACTERS)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


def _plan(steps: object) -> object:
    """Each step as an action's plain data; also `restart_unit unit=shop.service`, or JSON, as forms and command lines have it."""
    if isinstance(steps, str):
        steps = read_json(steps) if steps.lstrip().startswith("[") else [line for line in steps.splitlines() if line.strip()]
    if not isinstance(steps, Sequence):
        return steps
    return tuple((parse_step(step) if isinstance(step, str) else parse(step)).model_dump(mode="json") for step in steps)


Plan = Annotated[tuple[Json, ...], BeforeValidator(_plan), Field(max_length=20)]


class Undo(Word):
    """The act that takes another one back, with all that it needs."""

    of: Of
    verb: str
    number: int = 0
    fields: Json = Field(default_factory=dict)


class Done(Word):
    text: str
    """For people: `escalation 4 is acknowledged, with anna`."""
    refused: bool = False
    """The daemon said no; the text says why."""
    waits: str = ""
    """Left as a decision that the daemon has not taken up yet, and why."""
    decision: int | None = None
    """The row of the inbox."""
    escalation: Escalation | None = None
    """As it is now."""
    undo: Undo | None = None


class Act(Word):
    """One act of a person: the fields are what is said with it. Raises ValueError when they make no sense."""

    verb: ClassVar[str]
    of: ClassVar[Of]
    undo: ClassVar[str] = ""
    """The verb of the same `of` that takes it back."""

    @abstractmethod
    def perform(self, operator: "Operator", number: int) -> Done:
        """Raises Unknown, Stale, StillStands, Unheard, StoreFailed, StoreUnusable."""


class EscalationAct(Act):
    of: ClassVar[Of] = "escalation"
    version: int | None = Field(None, ge=1, le=2**63 - 1)
    """What was seen when it was decided: another version by now makes the act stale."""
    note: Text = ""
    """Kept with the act, for whoever comes next."""


def many(of: str) -> str:
    """Of more than one, as addresses have it."""
    return "memories" if of == "memory" else f"{of}s"


def named(acts: Sequence[type[Act]]) -> dict[tuple[str, str], type[Act]]:
    found: dict[Any, type[Act]] = {(act.of, act.verb): act for act in acts}
    return found
