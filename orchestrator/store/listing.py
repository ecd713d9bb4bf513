"""Lists of escalations and incidents: filtered, sorted, in pages that stay where they are while rows come and go.

What is asked for is decided in one index of each table (`escalations_listed`, `tasks_listed`) that holds every column which
a filter names; rows, with all their text, are read for the page alone.
"""

from collections.abc import Callable, Sequence

from orchestrator.model import Json, Word, utc
from orchestrator.store.reporting import Rows
from orchestrator.store.wanted import ESCALATION_STATES, INCIDENT_STATES, LIMIT, Wanted

WORDS = 10
"""Of a search; the rest is not looked for."""
FEW = 1000
"""Rows that a search finds at most for them to be named one by one from then on."""
_RANK = "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END"
_STATE = "CASE WHEN status = 'resolved' THEN 'resolved' WHEN snoozed_until > :now THEN 'snoozed' ELSE status END"
_STANDING = "status IN ('open', 'acknowledged')"
_TASK = "id, status, phase, check_name, target, occurrences, detected_at, last_seen, resolved_at, waiting_for"

_ASKED = """SELECT escalation_id, id, kind, question, expires_at FROM interventions
WHERE escalation_id IN (%s) AND status = 'pending' AND kind NOT IN ('escalation', 'review') ORDER BY id"""
"""More than a plain hand-over; the newest comes last."""


class Listing(Word):
    """One page. `next` leads to the one after it, and is empty on the last."""

    rows: tuple[Json, ...]
    total: int
    next: str
    counts: Json
    """How many there would be on each tab, with all else that is asked for as it is."""


def first(read: Callable[[Wanted], Listing], limit: int, **asked: object) -> list[Json]:
    """The first `limit` rows of a list, over as many pages as that takes."""
    rows: list[Json] = []
    after = ""
    while True:
        listing = read(Wanted.model_validate({**asked, "after": after, "limit": min(limit - len(rows), LIMIT)}))
        rows += listing.rows
        after = listing.next
        if not after or len(rows) >= limit:
            return rows


class _Where:
    """Conditions that all hold, with what is bound to them."""

    def __init__(self, wanted: Wanted) -> None:
        self.bound: Json = {"now": utc()}
        self._conditions = ["1"]
        self.among("severity", wanted.severity)
        for column, value in (("check_name", wanted.check), ("target", wanted.target), ("owner", wanted.owner), ("phase", wanted.phase)):
            if value not in ("", None):
                self.add(f"{column} = :{column}", **{column: value})

    def search(self, book: Rows, table: str, text: str) -> None:
        """Every word stands in title, target or reason. Where that is true of few rows they are named, and looked for once."""
        before = list(self._conditions)
        for n, word in enumerate(text.split()[:WORDS]):
            pattern = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            matches = " OR ".join(f"{column} LIKE :q{n} ESCAPE '\\'" for column in ("title", "target", "reason"))
            self.add(matches, **{f"q{n}": f"%{pattern}%"})
        if len(self._conditions) > len(before):
            some = f"SELECT id FROM {table} INDEXED BY {table}_listed WHERE {self} LIMIT {FEW + 1}"  # noqa: S608  # conditions of this module
            found = [str(row["id"]) for row in book.rows(table, some, self.bound)]
            if len(found) <= FEW:
                self._conditions = [*before, f"id IN ({', '.join(found)})"]

    def add(self, condition: str, **bound: object) -> None:
        self._conditions.append(f"({condition})")
        self.bound.update(bound)

    def among(self, column: str, values: Sequence[str]) -> None:
        """It (a column, or an expression) is one of `values`; anything when there are none."""
        if values:
            names = {f"v{len(self.bound) + n}": value for n, value in enumerate(values)}
            self.add(f"{column} IN ({', '.join(f':{name}' for name in names)})", **names)

    @property
    def filters(self) -> bool:
        """Whether anything is asked for."""
        return len(self._conditions) > 1

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


def list_escalations(book: Rows, wanted: Wanted) -> Listing:
    """Those that are not resolved, unless `status` or `tray` say else.

    Rows have `task`, their incident's present state, and `asked`, the question that is open; and no body.

    Raises ValueError: something in `wanted` is not of this list.
    """
    _check(wanted, ESCALATION_STATES, {"phase": wanted.phase is not None})
    where = _Where(wanted)
    where.search(book, "escalations", wanted.q)
    counts = _escalation_counts(book, where)
    states = wanted.status or (("resolved",) if wanted.tray else ("open", "acknowledged", "snoozed"))
    where.among("status", [*states, *(("open", "acknowledged") if "snoozed" in states else ())])
    where.among(_STATE, states)
    total = sum(counts[state] for state in states)
    if wanted.tray:
        where.add("status = 'resolved' AND looked_at IS NULL")
        total = counts["tray"] if "resolved" in states else 0
    rows, cursor = _page(book, "escalations", where, wanted, "updated_at")
    return Listing(rows=_with_more(book, rows), total=total, next=cursor, counts=counts)


def list_incidents(book: Rows, wanted: Wanted) -> Listing:
    """All but symptoms, unless `status` says else. Raises ValueError: something in `wanted` is not of this list."""
    _check(wanted, INCIDENT_STATES, {"owner": bool(wanted.owner), "tray": wanted.tray})
    where = _Where(wanted)
    where.search(book, "tasks", wanted.q)
    counted = book.rows(
        "tasks",
        f"SELECT status, COUNT(*) AS n FROM tasks INDEXED BY tasks_listed WHERE {where} GROUP BY status",  # noqa: S608
        where.bound,
    )
    counts = {**dict.fromkeys(INCIDENT_STATES, 0), **{row["status"]: row["n"] for row in counted}}
    states: Sequence[str] = wanted.status or [state for state in INCIDENT_STATES if state != "merged"]
    where.among("status", states)
    rows, cursor = _page(book, "tasks", where, wanted, "changed_at")
    return Listing(rows=tuple(rows), total=sum(counts[state] for state in states), next=cursor, counts=counts)


def _check(wanted: Wanted, states: Sequence[str], foreign: dict[str, bool]) -> None:
    for state in wanted.status:
        if state not in states:
            raise ValueError(f"status: {state} is none of this list's; there are {', '.join(states)}")
    for name, given in foreign.items():
        if given:
            raise ValueError(f"{name}: this list knows no such filter; leave it away")


def _escalation_counts(book: Rows, where: _Where) -> Json:
    standing = book.rows(
        "escalations",
        f"SELECT {_STATE} AS tab, COUNT(*) AS n FROM escalations INDEXED BY escalations_listed WHERE {_STANDING} AND {where} GROUP BY tab",  # noqa: S608
        where.bound,
    )
    counts = {**dict.fromkeys(ESCALATION_STATES, 0), **{row["tab"]: row["n"] for row in standing}}
    # Most are resolved. Without a filter their number and that of the tray are known without looking at each.
    over = (
        f"""SELECT COUNT(*) AS n, COALESCE(SUM(looked_at IS NULL), 0) AS tray FROM escalations INDEXED BY escalations_listed
        WHERE status = 'resolved' AND {where}"""  # noqa: S608  # conditions of this module
        if where.filters
        else f"""SELECT (SELECT COUNT(*) FROM escalations) - {sum(counts.values())} AS n, (SELECT COUNT(*) FROM escalations
        INDEXED BY escalations_nobody_looked WHERE status = 'resolved' AND looked_at IS NULL) AS tray"""  # noqa: S608  # a number
    )
    resolved = book.row("escalations", over, where.bound) or {"n": 0, "tray": 0}
    return {**counts, "resolved": resolved["n"], "tray": resolved["tray"]}


def _page(book: Rows, table: str, where: _Where, wanted: Wanted, updated: str) -> tuple[list[Json], str]:
    """The rows, and the cursor of the page after them."""
    order, key = {
        "newest": ("id DESC", "''"),
        "oldest": ("id", "''"),
        "severity": (f"{_RANK}, id DESC", _RANK),
        "updated": (f"{updated} DESC, id DESC", updated),
    }[wanted.sort]
    if wanted.after:
        _go_on(where, wanted, key)
    places = book.rows(
        table,
        f"SELECT id, {key} AS place FROM {table} INDEXED BY {table}_listed WHERE {where} ORDER BY {order} LIMIT :some",  # noqa: S608
        {**where.bound, "some": wanted.limit + 1},
    )
    shown = places[: wanted.limit]
    found = _by_id(book, table, "*", [row["id"] for row in shown])
    rows = [found[row["id"]] for row in shown if row["id"] in found]
    for row in rows:
        row.pop("body", None)
    cursor = f"{shown[-1]['place']}~{shown[-1]['id']}" if len(places) > len(shown) else ""
    return rows, cursor


def _go_on(where: _Where, wanted: Wanted, key: str) -> None:
    """After the row that the cursor names, which may be gone by now."""
    value, _, number = wanted.after.partition("~")
    fits = {"severity": value in ("0", "1", "2", "3"), "updated": value != ""}.get(wanted.sort, value == "")
    if not number.isdecimal() or len(number) > 18 or not fits:
        raise ValueError(f"after: {wanted.after} is no place in this list sorted by {wanted.sort}; leave it away")
    beyond = {
        "newest": "id < :after_id",
        "oldest": "id > :after_id",
        "severity": f"{key} > CAST(:after AS INTEGER) OR ({key} = CAST(:after AS INTEGER) AND id < :after_id)",
        "updated": f"{key} < :after OR ({key} = :after AND id < :after_id)",
    }[wanted.sort]
    where.add(beyond, after_id=int(number), **({"after": value} if value else {}))


def _with_more(book: Rows, rows: Sequence[Json]) -> tuple[Json, ...]:
    """Each escalation with its incident's present state, and the question that is open; None where there is none."""
    tasks = _by_id(book, "tasks", _TASK, [row["task_id"] for row in rows])
    numbers = ", ".join(str(int(row["id"])) for row in rows)
    questions = book.rows("escalations", _ASKED % numbers) if rows else []
    asked = {question["escalation_id"]: question for question in questions}
    return tuple({**row, "task": tasks.get(row["task_id"]), "asked": asked.get(row["id"])} for row in rows)


def _by_id(book: Rows, table: str, columns: str, ids: Sequence[int]) -> dict[int, Json]:
    numbers = ", ".join(str(int(number)) for number in ids)
    rows = book.rows(table, f"SELECT {columns} FROM {table} WHERE id IN ({numbers})") if numbers else []  # noqa: S608  # numbers
    return {row["id"]: row for row in rows}
