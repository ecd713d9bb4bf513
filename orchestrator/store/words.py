"""The store's own words: what it answers, and the three ways in which it can fail."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from orchestrator.masking import mask
from orchestrator.model import Json, Word

FACT_CHARACTERS = 300


def as_fact(said: str) -> str:
    """One line of somebody's words: masked, printable, bounded."""
    line = " ".join("".join(one if one.isprintable() else " " for one in mask(said[: 20 * FACT_CHARACTERS])).split())
    return line if len(line) <= FACT_CHARACTERS else f"{line[: FACT_CHARACTERS - 1]}…"


Fact = Annotated[str, AfterValidator(as_fact)]
"""Cleaned when it becomes a word, since a row may hold what nobody of ours wrote."""

Kinds = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")], ...], Field(max_length=20)]
"""Of a plan's actions, in their order."""


class StoreUnusable(Exception):
    """The state directory or a database cannot be opened: which file, why, and what to do. Exit status 75."""


class StoreNewer(StoreUnusable):
    """A newer version made it: nothing of it is touched, and starting again changes nothing. Exit status 78."""


class StoreDamaged(StoreUnusable):
    """It is no database, or a broken one. `path` is the file; what can take its place, `recovering` knows."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class StoreFailed(Exception):
    """A read or a write failed now (read-only, full even after the reserve, locked, damaged); nothing was written.

    The daemon keeps checking and changes nothing until a write succeeds again.
    """


class Spent(Exception):
    """A budget of money or tokens has not enough left for a call: which one, and how much of it is gone.

    `for_now`: only because of what calls under way have put aside, and may give back.
    """

    def __init__(self, message: str, *, for_now: bool = False) -> None:
        super().__init__(message)
        self.for_now = for_now


class Stale(Exception):
    """The row moved on meanwhile: a conditional update met no row. `newer` is what it is now, where that is known."""

    def __init__(self, message: str, newer: Word | None = None) -> None:
        super().__init__(message)
        self.newer = newer


class QueryRefused(Exception):
    """A person's SQL is wrong, would change something, or takes too long."""


class Observed(Word):
    """What one look of one check did to the incidents. Each is a row's id.

    `opened` are incidents of their own that were none before: new rows, and symptoms whose root went away.
    """

    opened: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()
    """Fixed a short time ago and back: the credit of the pattern that healed it is to be revoked."""
    cleared: tuple[int, ...] = ()
    """Roots that went away by themselves."""
    merged: tuple[int, ...] = ()
    """Rows that became a symptom of another."""


class Click(Word):
    """A person's decision that makes the daemon act: a row of the inbox. `at` is in seconds since the epoch."""

    id: int
    at: float
    actor: str
    verb: str
    args: Json


class Turn(Word):
    """Of a root that is due: what tells where it would go, without all that belongs to it."""

    incident: int
    target: str
    phase: int
    settling: bool
    """Its changes were begun, and have no outcome yet."""
    waiting_for: str


class Window(Word):
    """Hands off, for a while: one service, the whole host when `service` is empty, or one fault when there is a `key`."""

    id: int
    service: str
    key: str = ""
    """`check:target` of the one fault that is silenced."""
    reason: str
    actor: str
    begins_at: float
    until: float

    def covers(self, key: str, names: Collection[str]) -> bool:
        """Whether a fault is left alone by it; `names` are what its target is called: the unit, the declared service."""
        return self.key == key if self.key else self.service in ("", *names)


Proved = Literal["healed", "missed", "no_effect", "rolled_back", "stranded", "relapsed", "moot"]
"""How what an expert said stood up. missed: another plan than his healed. relapsed: his healed, and the fault came back. moot: what
proved him wrong came back."""


class Lesson(Word):
    """What a verified ending says of one expert's word."""

    expert: str
    stance: Literal["propose", "person"]
    kinds: Kinds
    """Of his plan's actions; none where he asked for a person."""
    fact: Fact
    proved: Proved
    instead: Kinds = ()
    """Of the plan that healed, where he had said something else."""


class Memory(Word):
    """What an expert remembers of one kind of fault on this host: what he said of it, and how often that was right."""

    id: int
    expert: str
    check: str
    target: str
    """The unit's template, where it is an instance of one."""
    service: str
    """The declared one; empty where there is none."""
    signature: str
    stance: Literal["propose", "person"]
    kinds: Kinds
    fact: Fact
    said_by: str
    """The person who corrected the fact: no ending changes that text again."""
    proved: Proved
    instead: Kinds
    incident: int
    """Whose ending verified it last."""
    uses: int
    wins: int
    losses: int
    created_at: str
    verified_at: str
    expires_at: str


class Anomaly(Word):
    """One live row, in brief: what is wrong beside a case, and since when."""

    id: int
    root: int | None = None
    """The incident that it is a symptom of."""
    check: str
    target: str
    severity: str
    detected_at: float
