"""What the tables say about the whole: the daemon's state, and its score."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator.model import Json, epoch, utc

_RATES = """SELECT COUNT(*) AS total, COALESCE(SUM(fix_successful = 1), 0) AS fixed, COUNT(fix_successful) AS needed,
ROUND(100.0 * SUM(fix_successful = 1) / COUNT(*), 1) AS fix_rate,
ROUND(100.0 * SUM(fix_successful = 1) / COUNT(fix_successful), 1) AS fix_rate_of_needed
FROM tasks WHERE detected_at > :since"""
"""Two denominators: all rows, symptoms and what went away by itself included; and those that needed something and ended."""
_MAIL = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest FROM outbox WHERE status IN ('waiting', 'sending')"

_SNOOZED = "SELECT COUNT(*) AS n FROM escalations WHERE status = 'open' AND snoozed_until > ?"


class Rows(Protocol):
    """Whoever can read both files; `name` says which, and a missing one has no rows."""

    def rows(self, name: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Json]: ...

    def row(self, name: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Json | None: ...


def status_of(book: Rows) -> Json:
    now = utc()
    daemon = book.row("tasks", "SELECT * FROM daemon")
    live = "SELECT status, COUNT(*) AS n FROM tasks WHERE resolved_at IS NULL GROUP BY status"
    open_now = "SELECT * FROM windows WHERE ended_by IS NULL AND begins_at <= :now AND until > :now ORDER BY id"
    return {
        "daemon": daemon,
        "tick_age_seconds": max(0.0, time.time() - epoch(daemon["tick_at"])) if daemon else None,
        "incidents": _counts(book.rows("tasks", live)),
        "escalations": _counts(book.rows("escalations", "SELECT status, COUNT(*) AS n FROM escalations GROUP BY status")),
        "snoozed": _number(book, "escalations", _SNOOZED, (now,)),
        "blind_checks": book.rows("tasks", "SELECT * FROM checks WHERE state = 'blind' ORDER BY name"),
        "maintenance": book.rows("tasks", open_now, {"now": now}),
        "decisions_waiting": _number(book, "tasks", "SELECT COUNT(*) AS n FROM inbox WHERE answered_at IS NULL"),
        "mail": book.row("escalations", _MAIL) or {"waiting": 0, "oldest": None},
    }


def metrics_of(book: Rows) -> Json:
    week, hour = utc(time.time() - 7 * 86_400), utc(time.time() - 3600)
    changes = "SELECT COUNT(*) AS n FROM changes WHERE begun_at >= ?"
    spent = """SELECT COUNT(*) AS answers, COALESCE(SUM(tokens_in), 0) AS tokens_in, COALESCE(SUM(tokens_out), 0) AS tokens_out
    FROM agent_consultations"""
    return {
        "seven_days": book.row("tasks", _RATES, {"since": week}),
        "all_time": book.row("tasks", _RATES, {"since": ""}),
        "by_status": _counts(book.rows("tasks", "SELECT status, COUNT(*) AS n FROM tasks GROUP BY status")),
        "by_phase": book.rows("tasks", "SELECT * FROM v_success_by_phase ORDER BY phase"),
        "time_to_repair": book.rows("tasks", "SELECT * FROM v_mttr ORDER BY check_name"),
        "patterns_per_week": book.rows("tasks", "SELECT * FROM v_patterns_per_week ORDER BY week"),
        "patterns": _counts(book.rows("tasks", "SELECT stage AS status, COUNT(*) AS n FROM patterns GROUP BY stage")),
        "changes_last_hour": _number(book, "tasks", changes, (hour,)),
        "interventions": book.rows("escalations", "SELECT * FROM v_interventions ORDER BY kind, status"),
        "consultations": book.row("escalations", spent),
        **status_of(book),
    }


def _counts(rows: Sequence[Json]) -> Json:
    return {row["status"]: row["n"] for row in rows}


def _number(book: Rows, name: str, sql: str, parameters: Sequence[Any] = ()) -> int:
    row = book.row(name, sql, parameters)
    return int(row["n"]) if row else 0
