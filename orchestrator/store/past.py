"""What happened here before: incidents of the same kind, the numbers of each day or hour, and what a plan would have met."""

import json
import time
from collections.abc import Sequence

from orchestrator.model import Json, utc
from orchestrator.store.reporting import Rows
from orchestrator.store.retention import DAY, INCIDENTS_DAYS

DAYS_SHOWN = INCIDENTS_DAYS
HOUR = 3600.0
PREVIEWED = 20

_BRIEF = "id, title, target, severity, status, phase, occurrences, detected_at, resolved_at, seconds, resolution"
_DAYS = """SELECT substr(detected_at, 1, :length) AS at, COUNT(*) AS detected, COUNT(fix_successful) AS needed,
    COALESCE(SUM(fix_successful = 1), 0) AS fixed, COALESCE(SUM(fix_successful = 0), 0) AS with_person, SUM(status = 'cleared') AS cleared,
    COALESCE(SUM(fix_successful = 1 AND phase = 1), 0) AS phase_1, COALESCE(SUM(fix_successful = 1 AND phase = 2), 0) AS phase_2,
    COALESCE(SUM(fix_successful = 1 AND phase = 3), 0) AS phase_3
FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at >= :since AND status != 'merged' GROUP BY at"""
_HEALED = """SELECT substr(detected_at, 1, :length) AS at, json_group_array(seconds) AS took FROM tasks INDEXED BY tasks_in_numbers
WHERE detected_at >= :since AND fix_successful = 1 AND seconds IS NOT NULL GROUP BY at"""
"""As one text a day: thousands of rows of one number each would cost more than all else of the page."""
_ESCALATED = "SELECT substr(created_at, 1, :length) AS at, COUNT(*) AS n FROM escalations WHERE created_at >= :since GROUP BY at"
_NOTHING = {
    "detected": 0, "needed": 0, "fixed": 0, "with_person": 0, "cleared": 0, "phase_1": 0, "phase_2": 0, "phase_3": 0, "escalated": 0,
    "median_seconds": None, "p90_seconds": None,
}  # fmt: skip


def series_of(book: Rows, days: int) -> list[Json]:
    """The last `days` days (UTC), of one day the last 24 hours, the oldest first; symptoms are not counted.

    `at` is `2026-11-21` of a day and `2026-11-21 15` of an hour.
    """
    names = parts_of(days)
    asked = {"since": names[0], "length": len(names[0])}
    series: dict[str, Json] = {name: {"at": name, **_NOTHING} for name in names}
    for row in book.rows("tasks", _DAYS, asked):
        series.get(row["at"], {}).update(row)  # a clock that was set back leaves days that are yet to come
    for row in book.rows("escalations", _ESCALATED, asked):
        series.get(row["at"], {})["escalated"] = row["n"]
    for at, seconds in healed_in(book, days).items():
        series.get(at, {}).update(spread(seconds))
    return list(series.values())


def healed_in(book: Rows, days: int) -> dict[str, list[float]]:
    """How many seconds each healing of a part took, by the part."""
    since = parts_of(days)[0]
    return {row["at"]: json.loads(row["took"]) for row in book.rows("tasks", _HEALED, {"since": since, "length": len(since)})}


def parts_of(days: int) -> list[str]:
    """The days, or the hours of one, as the beginnings of their times in the tables; the oldest first."""
    now = time.time()
    if days <= 1:
        return [utc(now - n * HOUR)[:13] for n in reversed(range(24))]
    return [utc(now - n * DAY)[:10] for n in reversed(range(min(days, DAYS_SHOWN)))]


def similar_to(book: Rows, task_id: int, limit: int) -> list[Json]:
    """Other incidents of the same kind, the newest first, each with the plan that healed it."""
    rows = book.rows(
        "tasks",
        f"""SELECT {_BRIEF} FROM tasks WHERE fingerprint = (SELECT fingerprint FROM tasks WHERE id = :id) AND id != :id
        ORDER BY id DESC LIMIT :limit""",  # noqa: S608  # constants
        {"id": task_id, "limit": limit},
    )
    return _with_healers(book, rows)


def preview_of(book: Rows, signature: str) -> Json:
    """The past incidents that a plan taught for `signature` would have met, and how they ended."""
    ended = book.rows("tasks", "SELECT status, COUNT(*) AS n FROM tasks WHERE fingerprint = ? GROUP BY status", (signature,))
    newest = f"SELECT {_BRIEF} FROM tasks WHERE fingerprint = ? ORDER BY id DESC LIMIT ?"  # noqa: S608  # a constant
    return {
        "signature": signature,
        "total": sum(row["n"] for row in ended),
        "ended": {row["status"]: row["n"] for row in ended},
        "incidents": _with_healers(book, book.rows("tasks", newest, (signature, PREVIEWED))),
    }


def _with_healers(book: Rows, incidents: Sequence[Json]) -> list[Json]:
    """Each with the attempt that healed it, in brief; None where none did."""
    ids = ", ".join(str(int(row["id"])) for row in incidents)
    healers = book.rows(
        "tasks",
        f"""SELECT task_id, phase, proposer, origin, plan, hash FROM attempts WHERE id IN
        (SELECT MAX(id) FROM attempts WHERE task_id IN ({ids}) AND outcome = 'healed' GROUP BY task_id)""",  # noqa: S608  # numbers
    )
    by_task = {row.pop("task_id"): row for row in healers}
    return [{**row, "healed_by": by_task.get(row["id"])} for row in incidents]


def spread(seconds: Sequence[float]) -> Json:
    """The median, and what nine of ten stayed below."""
    ordered = sorted(seconds)
    return {"median_seconds": _share(ordered, 0.5), "p90_seconds": _share(ordered, 0.9)}


def _share(ordered: Sequence[float], share: float) -> float | None:
    """Where that share of them lies, between two neighbours in proportion."""
    if not ordered:
        return None
    whole, part = divmod(share * (len(ordered) - 1), 1)
    below, above = ordered[int(whole)], ordered[min(int(whole) + 1, len(ordered) - 1)]
    return round(below + part * (above - below), 3)
