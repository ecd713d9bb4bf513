"""What the tables say about the whole: the daemon's state, and its score."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator.model import Json, epoch, utc
from orchestrator.store.chain import PUT_BACK
from orchestrator.store.retention import DAY, INCIDENTS_DAYS

_RATES = """SELECT COUNT(*) AS total, COALESCE(SUM(fix_successful = 1), 0) AS fixed, COUNT(fix_successful) AS needed,
ROUND(100.0 * SUM(fix_successful = 1) / COUNT(*), 1) AS fix_rate,
ROUND(100.0 * SUM(fix_successful = 1) / COUNT(fix_successful), 1) AS fix_rate_of_needed
FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at > :since"""
"""Two denominators: all rows, symptoms and what went away by itself included; and those that needed something and ended."""
_PHASES = """SELECT phase, COUNT(*) AS ended, SUM(fix_successful) AS fixed, ROUND(100.0 * SUM(fix_successful) / COUNT(*), 1) AS fix_rate
FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at > :since AND fix_successful IS NOT NULL GROUP BY phase ORDER BY phase"""
_REPAIR = """SELECT check_name, COUNT(*) AS fixed, ROUND(AVG(seconds), 1) AS mean_seconds, ROUND(MAX(seconds), 1) AS longest_seconds
FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at > :since AND status = 'fixed' GROUP BY check_name ORDER BY check_name"""
_ASKED = """SELECT kind, status, COUNT(*) AS asked,
ROUND(AVG((julianday(answered_at) - julianday(created_at)) * 86400), 1) AS mean_seconds_to_answer
FROM interventions WHERE created_at > :since GROUP BY kind, status ORDER BY kind, status"""
_SPENT = """SELECT COUNT(*) AS answers, COALESCE(SUM(tokens_in), 0) AS tokens_in, COALESCE(SUM(tokens_out), 0) AS tokens_out
FROM agent_consultations WHERE created_at > :since"""

_WINDOWS = {"24 h": 1, "7 d": 7, "30 d": 30}
_SEEN = """SELECT COUNT(*) AS total, COALESCE(SUM(fix_successful = 1), 0) AS fixed, COUNT(fix_successful) AS needed,
COALESCE(SUM(fix_successful = 0), 0) AS with_person, COALESCE(SUM(status = 'cleared'), 0) AS cleared,
COALESCE(SUM(relapses), 0) AS relapses, AVG(CASE WHEN status = 'fixed' THEN seconds END) AS mean_seconds
FROM tasks INDEXED BY tasks_in_numbers WHERE detected_at > :since"""
_CARRIED_OUT = """SELECT COALESCE(SUM(executed), 0) AS executed, COALESCE(SUM(outcome = 'no_effect'), 0) AS no_effect,
COALESCE(SUM(outcome = 'rolled_back'), 0) AS rolled_back, COALESCE(SUM(outcome = 'stranded'), 0) AS stranded
FROM attempts WHERE ended_at > :since"""
_ESCALATED = "SELECT status, COUNT(*) AS n FROM escalations INDEXED BY escalations_in_numbers WHERE created_at > :since GROUP BY status"

_MAIL = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest FROM outbox WHERE status IN ('waiting', 'sending')"
_STANDING = "SELECT status, COUNT(*) AS n FROM escalations WHERE status IN ('open', 'acknowledged') GROUP BY status"
_SNOOZED = "SELECT COUNT(*) AS n FROM escalations WHERE status = 'open' AND snoozed_until > ?"

_TODAY = """SELECT COUNT(*) AS calls, COALESCE(SUM(outcome = ''), 0) AS under_way, COALESCE(SUM(dollars), 0) AS dollars,
COALESCE(SUM(tokens_in + tokens_out), 0) AS tokens FROM model_calls WHERE began_at >= :day AND began_at < :day || '~'"""
_REFUSED = """SELECT since, refused, reason FROM spent_days
WHERE day = :day AND last_at >= (SELECT COALESCE(MAX(began_at), '') FROM model_calls)"""
"""Until a call fits into the budget again: a person may have raised it."""


PUT_BACK_SECONDS = 7 * DAY
"""So long everybody who looks is told that a damaged file was replaced."""
_PUT_BACK = f"SELECT at, detail FROM audit WHERE what = '{PUT_BACK}' AND at >= ? ORDER BY id DESC LIMIT 10"  # noqa: S608  # a constant


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
        "escalations": _escalations(book),
        "snoozed": _number(book, "escalations", _SNOOZED, (now,)),
        "blind_checks": book.rows("tasks", "SELECT * FROM checks WHERE state = 'blind' ORDER BY name"),
        "maintenance": book.rows("tasks", open_now, {"now": now}),
        "decisions_waiting": _number(book, "tasks", "SELECT COUNT(*) AS n FROM inbox WHERE answered_at IS NULL"),
        "models": models_today(book),
        "put_back": book.rows("tasks", _PUT_BACK, (utc(time.time() - PUT_BACK_SECONDS),)),
        "mail": book.row("escalations", _MAIL) or {"waiting": 0, "oldest": None},
    }


def models_today(book: Rows) -> Json:
    """What the models cost on this day of UTC, calls under way too; `spent`: since when none is asked, and why."""
    day = {"day": utc()[:10]}
    nothing = {"calls": 0, "under_way": 0, "dollars": 0.0, "tokens": 0}
    return {**(book.row("tasks", _TODAY, day) or nothing), "spent": book.row("tasks", _REFUSED, day)}


def metrics_of(book: Rows) -> Json:
    """Of as long as incidents are kept, where nothing else is said."""
    since = {"since": utc(time.time() - INCIDENTS_DAYS * DAY)}
    changes = "SELECT COUNT(*) AS n FROM changes WHERE begun_at >= ?"
    return {
        "seven_days": book.row("tasks", _RATES, {"since": utc(time.time() - 7 * DAY)}),
        "all_time": book.row("tasks", _RATES, {"since": ""}),
        "by_status": _counts(book.rows("tasks", "SELECT status, COUNT(*) AS n FROM tasks GROUP BY status")),
        "by_phase": book.rows("tasks", _PHASES, since),
        "time_to_repair": book.rows("tasks", _REPAIR, since),
        "patterns_per_week": book.rows("tasks", "SELECT * FROM v_patterns_per_week ORDER BY week"),
        "patterns": _counts(book.rows("tasks", "SELECT stage AS status, COUNT(*) AS n FROM patterns GROUP BY stage")),
        "changes_last_hour": _number(book, "tasks", changes, (utc(time.time() - 3600),)),
        "interventions": book.rows("escalations", _ASKED, since),
        "consultations": book.row("escalations", _SPENT, since),
        "windows": {name: _window(book, utc(time.time() - days * DAY)) for name, days in _WINDOWS.items()},
        **status_of(book),
    }


def _window(book: Rows, since: str) -> Json:
    """The numbers of one stretch of time; a file that does not exist yet has none."""
    rates, carried_out = (book.row("tasks", sql, {"since": since}) or {} for sql in (_SEEN, _CARRIED_OUT))
    return {**rates, **carried_out, "escalations": _counts(book.rows("escalations", _ESCALATED, {"since": since}))}


def _escalations(book: Rows) -> Json:
    """How many are in each state. Those that are resolved are what is left: nothing but a row's number is read of them."""
    standing = _counts(book.rows("escalations", _STANDING))
    resolved = _number(book, "escalations", "SELECT COUNT(*) AS n FROM escalations") - sum(standing.values())
    return {**standing, "resolved": resolved} if resolved > 0 else standing


def _counts(rows: Sequence[Json]) -> Json:
    return {row["status"]: row["n"] for row in rows}


def _number(book: Rows, name: str, sql: str, parameters: Sequence[Any] = ()) -> int:
    row = book.row(name, sql, parameters)
    return int(row["n"]) if row else 0
