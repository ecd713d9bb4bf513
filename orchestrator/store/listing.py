"""Lists of escalations and incidents: filtered, sorted, in pages that stay where they are while rows come and go."""

from collections.abc import Sequence

from orchestrator.model import Json, Word, utc
from orchestrator.store.reporting import Rows
from orchestrator.store.wanted import ESCALATION_STATES, INCIDENT_STATES, Wanted

__all__ = ["COUNTED", "ESCALATION_STATES", "INCIDENT_STATES", "Listing", "Wanted", "list_escalations", "list_incidents"]

COUNTED = 10_000
"""Rows are counted up to here; a person does not care how many more there are."""
_RANK = "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END"
_STATE = "CASE WHEN status = 'resolved' THEN 'resolved' WHEN snoozed_until > :now THEN 'snoozed' ELSE status END"
_TRAY = "status = 'resolved' AND looked_at IS NULL"


class Listing(Word):
    """One page. `next` leads to the one after it, and is empty on the last."""

    rows: tuple[Json, ...]
    total: int
    capped: bool
    """There are more than `total`, which were not counted."""
    next: str
    counts: Json
    """How many there would be on each tab, with all else that is asked for as it is; each counted as far as `total`."""


class _Where:
    """Conditions that all hold, with what is bound to them."""

    def __init__(self, **bound: object) -> None:
        self.conditions: list[str] = ["1"]
        self.bound: Json = dict(bound)

    def add(self, condition: str, **bound: object) -> None:
        self.conditions.append(f"({condition})")
        self.bound.update(bound)

    def among(self, column: str, name: str, values: Sequence[str]) -> None:
        """`column` is one of `values`; anything when there are none."""
        if values:
            names = [f"{name}_{n}" for n in range(len(values))]
            self.add(f"{column} IN ({', '.join(':' + name for name in names)})", **dict(zip(names, values, strict=True)))

    def equals(self, column: str, value: object) -> None:
        if value not in ("", None):
            self.add(f"{column} = :{column}", **{column: value})

    def words(self, columns: Sequence[str], text: str) -> None:
        for n, word in enumerate(text.split()[:10]):
            pattern = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            matches = " OR ".join(f"{column} LIKE :q_{n} ESCAPE '\\'" for column in columns)
            self.add(matches, **{f"q_{n}": f"%{pattern}%"})

    def __str__(self) -> str:
        return " AND ".join(self.conditions)


def list_escalations(book: Rows, wanted: Wanted) -> Listing:
    """Those that are not resolved, unless `status` or `tray` say else. Raises ValueError: `status` or `after` is not of this list."""
    _check_states(wanted, ESCALATION_STATES)
    where = _Where(now=utc())
    where.among("severity", "severity", wanted.severity)
    where.equals("owner", wanted.owner)
    where.words(("title", "reason"), wanted.q)
    _of_task(where, wanted)
    tabs = {**{state: f"{_STATE} = '{state}'" for state in ESCALATION_STATES}, "tray": _TRAY}
    counts = {tab: _count(book, "escalations", f"{where} AND {condition}", where.bound) for tab, condition in tabs.items()}
    if wanted.tray:
        where.add(_TRAY)
    where.among(_STATE, "status", wanted.status or (() if wanted.tray else ("open", "acknowledged", "snoozed")))
    listing = _page(book, "escalations", where, wanted, counts, "MAX(created_at, COALESCE(acknowledged_at, ''), COALESCE(resolved_at, ''))")
    return listing.model_copy(update={"rows": _with_tasks(book, listing.rows)})


def list_incidents(book: Rows, wanted: Wanted) -> Listing:
    """All but symptoms, unless `status` says else. Raises ValueError: `status` or `after` is not of this list."""
    _check_states(wanted, INCIDENT_STATES)
    where = _Where()
    where.among("severity", "severity", wanted.severity)
    where.equals("check_name", wanted.check)
    where.equals("target", wanted.target)
    where.equals("phase", wanted.phase)
    where.words(("title", "target", "fault ->> 'reason'"), wanted.q)
    counts = {state: _count(book, "tasks", f"{where} AND status = '{state}'", where.bound) for state in INCIDENT_STATES}
    where.among("status", "status", wanted.status or tuple(state for state in INCIDENT_STATES if state != "merged"))
    return _page(book, "tasks", where, wanted, counts, "MAX(opened_at, COALESCE(resolved_at, ''))")


def _check_states(wanted: Wanted, states: Sequence[str]) -> None:
    for state in wanted.status:
        if state not in states:
            raise ValueError(f"status: {state} is none of this list's; there are {', '.join(states)}")


def _of_task(where: _Where, wanted: Wanted) -> None:
    """What an escalation's incident is asked for."""
    of = _Where()
    of.equals("check_name", wanted.check)
    of.equals("target", wanted.target)
    of.equals("phase", wanted.phase)
    if of.bound:
        where.add(f"task_id IN (SELECT id FROM tasks.tasks WHERE {of})", **of.bound)  # noqa: S608  # conditions of this module


def _count(book: Rows, table: str, where: str, bound: Json) -> int:
    rows = book.row(table, f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {table} WHERE {where} LIMIT {COUNTED})", bound)  # noqa: S608
    return int(rows["n"]) if rows else 0


def _page(book: Rows, table: str, where: _Where, wanted: Wanted, counts: Json, updated: str) -> Listing:
    total = _count(book, table, f"{where}", where.bound)
    order, key = {
        "newest": ("id DESC", "''"),
        "oldest": ("id", "''"),
        "severity": (f"{_RANK}, id DESC", _RANK),
        "updated": (f"{updated} DESC, id DESC", updated),
    }[wanted.sort]
    if wanted.after:
        _go_on(where, wanted, key)
    rows = book.rows(
        table,
        f"SELECT *, {key} AS sorted_by FROM {table} WHERE {where} ORDER BY {order} LIMIT :some",  # noqa: S608
        {**where.bound, "some": wanted.limit + 1},
    )
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    cursor = f"{rows[-1]['sorted_by']}~{rows[-1]['id']}" if more else ""
    for row in rows:
        del row["sorted_by"]
    return Listing(rows=tuple(rows), total=total, capped=total >= COUNTED, next=cursor, counts=counts)


def _go_on(where: _Where, wanted: Wanted, key: str) -> None:
    """After the row that the cursor names, which may be gone by now."""
    value, _, number = wanted.after.partition("~")
    if not number.isdecimal() or len(number) > 18 or (wanted.sort in ("newest", "oldest")) != (value == ""):
        raise ValueError(f"after: {wanted.after} is no place in this list sorted by {wanted.sort}; leave it away")
    before: dict[str, str] = {
        "newest": "id < :after_id",
        "oldest": "id > :after_id",
        "severity": f"{key} > CAST(:after AS INTEGER) OR ({key} = CAST(:after AS INTEGER) AND id < :after_id)",
        "updated": f"{key} < :after OR ({key} = :after AND id < :after_id)",
    }
    where.add(before[wanted.sort], after_id=int(number), **({"after": value} if value else {}))


def _with_tasks(book: Rows, rows: Sequence[Json]) -> tuple[Json, ...]:
    """Each escalation with its incident's present state as `task`, and the question that is open as `asked`; None where there is none."""
    ids = ", ".join(str(int(row["task_id"])) for row in rows)
    columns = "id, status, phase, check_name, target, occurrences, detected_at, last_seen, resolved_at, waiting_for"
    tasks = book.rows("tasks", f"SELECT {columns} FROM tasks WHERE id IN ({ids})")  # noqa: S608  # numbers
    by_id = {task["id"]: task for task in tasks}
    asked = _asked(book, rows)
    return tuple({**row, "task": by_id.get(row["task_id"]), "asked": asked.get(row["id"])} for row in rows)


def _asked(book: Rows, rows: Sequence[Json]) -> dict[int, Json]:
    """The newest open question of each that is more than a plain hand-over."""
    ids = ", ".join(str(int(row["id"])) for row in rows)
    questions = book.rows(
        "escalations",
        f"""SELECT escalation_id, id, kind, question, expires_at FROM interventions
        WHERE escalation_id IN ({ids}) AND status = 'pending' AND kind NOT IN ('escalation', 'review') ORDER BY id""",  # noqa: S608  # numbers
    )
    return {question["escalation_id"]: question for question in questions}
