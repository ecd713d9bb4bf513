"""What a scraper draws: the tallies that triggers keep, and a few numbers of now. Cheap, however many rows there are."""

import time

from orchestrator.model import Json, Word, utc
from orchestrator.store.reporting import Rows


class Tally(Word):
    """`n` of them so far, since the tables exist. What `a` and `b` are is the name's."""

    name: str
    a: str
    b: str
    n: float


class Tallies(Word):
    counts: tuple[Tally, ...]
    checks: dict[str, int]
    """How many are in each state."""
    changes_last_hour: int

    def of(self, name: str) -> tuple[Tally, ...]:
        return tuple(tally for tally in self.counts if tally.name == name)


def tallies_of(book: Rows) -> Tallies:
    rows: list[Json] = []
    for file in ("tasks", "escalations"):
        rows += book.rows(file, f"SELECT * FROM {file}.tallies ORDER BY name, a, b")  # noqa: S608  # two constants
    checks = book.rows("tasks", "SELECT state, COUNT(*) AS n FROM checks GROUP BY state")
    changes = book.row("tasks", "SELECT COUNT(*) AS n FROM changes WHERE begun_at >= ?", (utc(time.time() - 3600),))
    return Tallies(
        counts=tuple(Tally.model_validate(row) for row in rows),
        checks={row["state"]: row["n"] for row in checks},
        changes_last_hour=changes["n"] if changes else 0,
    )
