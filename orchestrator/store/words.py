"""The store's own words: what it answers, and the three ways in which it can fail."""

from collections.abc import Collection

from orchestrator.model import Json, Word


class StoreUnusable(Exception):
    """The state directory or a database cannot be opened: which file, why, and what to do. Exit status 75."""


class StoreFailed(Exception):
    """A read or a write failed now (read-only, full even after the reserve, locked, damaged); nothing was written.

    The daemon keeps checking and changes nothing until a write succeeds again.
    """


class Spent(Exception):
    """A budget of money or tokens has not enough left for a call: which one, and how much of it is gone."""


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
