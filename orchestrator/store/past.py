"""What happened here before: incidents of the same kind, the numbers of each day, and what a plan would have met."""

import time
from collections.abc import Sequence
from statistics import median, quantiles

from orchestrator.model import Json, utc
from orchestrator.store.reporting import Rows

DAY = 86_400.0
DAYS_SHOWN = 731
PREVIEWED = 20
COUNTED = 10_000

_SECONDS = "ROUND((julianday(resolved_at) - julianday(opened_at)) * 86400, 3)"
_BRIEF = f"id, title, target, severity, status, phase, occurrences, detected_at, resolved_at, {_SECONDS} AS seconds, resolution"
_DAYS = """SELECT substr(detected_at, 1, 10) AS day, COUNT(*) AS detected, COUNT(fix_successful) AS needed,
    SUM(fix_successful = 1) AS fixed, SUM(fix_successful = 0) AS with_person, SUM(status = 'cleared') AS cleared,
    SUM(fix_successful = 1 AND phase = 1) AS phase_1, SUM(fix_successful = 1 AND phase = 2) AS phase_2,
    SUM(fix_successful = 1 AND phase = 3) AS phase_3
FROM tasks WHERE detected_at >= :since AND status != 'merged' GROUP BY day"""
_HEALED = f"""SELECT substr(detected_at, 1, 10) AS day, {_SECONDS} AS seconds FROM tasks
WHERE detected_at >= :since AND fix_successful = 1 AND resolved_at IS NOT NULL"""  # noqa: S608  # a constant
_ESCALATED = "SELECT substr(created_at, 1, 10) AS day, COUNT(*) AS n FROM escalations WHERE created_at >= :since GROUP BY day"
_NOTHING = {
    "detected": 0, "needed": 0, "fixed": 0, "with_person": 0, "cleared": 0, "phase_1": 0, "phase_2": 0, "phase_3": 0, "escalated": 0,
    "median_seconds": None, "p90_seconds": None,
}  # fmt: skip


def series_of(book: Rows, days: int) -> list[Json]:
    """The last `days` days (UTC), the oldest first, each with all numbers; symptoms are not counted."""
    days = min(max(days, 1), DAYS_SHOWN)
    now = time.time()
    names = [utc(now - n * DAY)[:10] for n in reversed(range(days))]
    since = {"since": names[0]}
    series: dict[str, Json] = {name: {"day": name, **_NOTHING} for name in names}
    for row in book.rows("tasks", _DAYS, since):
        series.get(row["day"], {}).update(row)  # a clock that was set back leaves days that are yet to come
    for row in book.rows("escalations", _ESCALATED, since):
        series.get(row["day"], {})["escalated"] = row["n"]
    took: dict[str, list[float]] = {}
    for row in book.rows("tasks", _HEALED, since):
        took.setdefault(row["day"], []).append(row["seconds"])
    for day, seconds in took.items():
        series.get(day, {}).update(median_seconds=round(median(seconds), 3), p90_seconds=p90(seconds))
    return list(series.values())


def similar_to(book: Rows, task_id: int, limit: int) -> list[Json]:
    """Other incidents of the same kind, the newest first, each with the plan that healed it."""
    rows = book.rows(
        "tasks",
        f"""SELECT {_BRIEF} FROM tasks WHERE fingerprint = (SELECT fingerprint FROM tasks WHERE id = :id) AND id != :id
        ORDER BY id DESC LIMIT :limit""",  # noqa: S608  # constants
        {"id": task_id, "limit": limit},
    )
    plans = _healers(book, [row["id"] for row in rows])
    return [{**row, "healed_by": plans.get(row["id"])} for row in rows]


def preview_of(book: Rows, signature: str) -> Json:
    """The past incidents that a plan taught for `signature` would have met, and how they ended."""
    found = {"it": signature, "counted": COUNTED, "shown": PREVIEWED}
    ended = book.rows(
        "tasks",
        """SELECT status, COUNT(*) AS n FROM (SELECT status FROM tasks WHERE fingerprint = :it ORDER BY id DESC LIMIT :counted)
        GROUP BY status""",
        found,
    )
    total = sum(row["n"] for row in ended)
    newest = book.rows("tasks", f"SELECT {_BRIEF} FROM tasks WHERE fingerprint = :it ORDER BY id DESC LIMIT :shown", found)  # noqa: S608
    plans = _healers(book, [row["id"] for row in newest])
    return {
        "signature": signature,
        "total": total,
        "capped": total >= COUNTED,
        "ended": {row["status"]: row["n"] for row in ended},
        "incidents": [{**row, "healed_by": plans.get(row["id"])} for row in newest],
    }


def _healers(book: Rows, task_ids: Sequence[int]) -> dict[int, Json]:
    """The attempt that healed each of them, in brief."""
    ids = ", ".join(str(int(number)) for number in task_ids)
    rows = book.rows(
        "tasks",
        f"""SELECT task_id, phase, proposer, origin, plan, hash FROM attempts WHERE id IN
        (SELECT MAX(id) FROM attempts WHERE task_id IN ({ids}) AND outcome = 'healed' GROUP BY task_id)""",  # noqa: S608  # numbers
    )
    return {row.pop("task_id"): row for row in rows}


def p90(seconds: Sequence[float]) -> float:
    return round(seconds[0] if len(seconds) < 2 else quantiles(seconds, n=10, method="inclusive")[-1], 3)
