"""The score of the days that a series shows: how fast healing is, and what went wrong on the way."""

from orchestrator.model import Json
from orchestrator.store.past import healed_in, parts_of, spread
from orchestrator.store.reporting import Rows

_OUTCOMES = "SELECT outcome, COUNT(*) AS n FROM attempts WHERE ended_at >= :since AND executed = 1 AND outcome IS NOT NULL GROUP BY outcome"
_RELAPSES = "SELECT COALESCE(SUM(relapses), 0) AS n FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at >= :since"


def score_of(book: Rows, days: int) -> Json:
    """`outcomes` counts what was carried out, by how it ended."""
    since = {"since": parts_of(days)[0]}
    seconds = [took for part in healed_in(book, days).values() for took in part]
    relapsed = book.row("tasks", _RELAPSES, since)
    return {
        "healed": len(seconds),
        **spread(seconds),
        "outcomes": {row["outcome"]: row["n"] for row in book.rows("tasks", _OUTCOMES, since)},
        "relapses": relapsed["n"] if relapsed else 0,
    }
