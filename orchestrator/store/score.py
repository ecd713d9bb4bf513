"""The score of the last days: how fast healing is, and what went wrong on the way."""

import time
from statistics import median

from orchestrator.model import Json, utc
from orchestrator.store.past import DAY, p90
from orchestrator.store.reporting import Rows

_HEALED = """SELECT ROUND((julianday(resolved_at) - julianday(opened_at)) * 86400, 3) AS seconds FROM tasks
WHERE detected_at >= :since AND fix_successful = 1 AND resolved_at IS NOT NULL"""
_OUTCOMES = """SELECT outcome, COUNT(*) AS n FROM attempts WHERE executed = 1 AND outcome IS NOT NULL
AND task_id IN (SELECT id FROM tasks WHERE detected_at >= :since) GROUP BY outcome"""
_RELAPSES = "SELECT COALESCE(SUM(relapses), 0) AS n FROM tasks WHERE detected_at >= :since"


def score_of(book: Rows, days: int) -> Json:
    """`outcomes` counts what was carried out, by how it ended."""
    since = {"since": utc(time.time() - (days - 1) * DAY)[:10]}
    seconds = [row["seconds"] for row in book.rows("tasks", _HEALED, since)]
    relapsed = book.row("tasks", _RELAPSES, since)
    return {
        "healed": len(seconds),
        "median_seconds": round(median(seconds), 3) if seconds else None,
        "p90_seconds": p90(seconds) if seconds else None,
        "outcomes": {row["outcome"]: row["n"] for row in book.rows("tasks", _OUTCOMES, since)},
        "relapses": relapsed["n"] if relapsed else 0,
    }
