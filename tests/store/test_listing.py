"""Lists that a person filters, sorts and turns the pages of, while rows come and go."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from escalation import Desk
from orchestrator.model import Severity, Status
from orchestrator.store import Listing, Reader, Store, Wanted
from orchestrator.store.listing import first, list_escalations, list_incidents
from orchestrator.store.reader import Book
from tests.store.made import a_fault, a_proposal, an_incident

SEVERITIES = (Severity.WARNING, Severity.CRITICAL, Severity.INFO, Severity.HIGH, Severity.CRITICAL)


def a_case(store: Store, desk: Desk, n: int, reason: str = "nothing left", **fields: object) -> int:
    """An escalated incident of its own; the escalation's id."""
    case = store.case(an_incident(store, a_fault(f"u{n}.service", f"c{n}", **fields)))
    assert case is not None
    return desk.escalate(case.incident, reason, body="")


def ids(listing: Listing) -> list[int]:
    return [row["id"] for row in listing.rows]


def all_pages(reader: Reader, wanted: Wanted) -> list[int]:
    found: list[int] = []
    while True:
        listing = reader.list_escalations(wanted)
        found += ids(listing)
        if not listing.next:
            return found
        wanted = Wanted.read(
            {**wanted.model_dump(include={"sort", "limit"}, mode="json"), "after": listing.next} | {"limit": str(wanted.limit)}
        )


def test_before_any_file_the_lists_are_empty(state_dir: Path) -> None:
    """No daemon ran yet: nothing is there, and nothing is made."""
    reader = Reader(state_dir)
    for listing in (reader.list_escalations(Wanted()), reader.list_incidents(Wanted(q="x"))):
        assert (listing.rows, listing.total, listing.next) == ((), 0, "")
        assert set(listing.counts.values()) == {0}
    assert reader.maintenance() == reader.decisions() == reader.audit() == reader.similar(1) == []
    assert reader.preview("v1:x")["total"] == 0
    assert [day["detected"] for day in reader.series(2)] == [0, 0]
    assert not state_dir.exists()


@pytest.mark.parametrize(
    ("sort", "order"),
    [("newest", [5, 4, 3, 2, 1]), ("oldest", [1, 2, 3, 4, 5]), ("severity", [5, 2, 4, 1, 3]), ("updated", [2, 5, 4, 3, 1])],
)
def test_every_order_is_read_page_by_page(store: Store, desk: Desk, state_dir: Path, sort: str, order: list[int]) -> None:
    """Each row comes once and in its place, whatever the order and wherever the page ends."""
    for n, severity in enumerate(SEVERITIES):
        a_case(store, desk, n, severity=severity)
    time.sleep(0.002)  # times of the tables are in milliseconds
    desk.ack(2, "eve")
    for limit in ("1", "2", "5"):
        assert all_pages(Reader(state_dir), Wanted.read({"sort": sort, "limit": limit})) == order


def test_pages_stay_where_they_are(store: Store, desk: Desk, state_dir: Path) -> None:
    """What opens or is resolved between two pages neither repeats nor hides a row of the next one."""
    for n in range(6):
        a_case(store, desk, n)
    reader = Reader(state_dir)
    first = reader.list_escalations(Wanted(limit=3))
    a_case(store, desk, 7)
    desk.resolve(4, "mended", "eve")  # the very row where the first page ended
    desk.resolve(2, "mended", "eve")
    assert ids(first) == [6, 5, 4]
    assert ids(reader.list_escalations(Wanted(limit=3, after=first.next))) == [3, 1]


def test_tabs_count_what_they_would_show(store: Store, desk: Desk, state_dir: Path) -> None:
    """A snoozed one is that and nothing else until its time is over; the counts follow all other filters."""
    for n in range(6):
        a_case(store, desk, n, severity=Severity.HIGH if n else Severity.CRITICAL)
    desk.ack(2, "eve")
    desk.ack(3, "eve")
    desk.snooze(3, time.time() + 100, "eve")
    desk.snooze(4, time.time() - 1, "eve")
    desk.ack(5, "eve")
    desk.resolve(5, "mended", "eve")
    desk.went_away(6, "went away by itself")
    reader = Reader(state_dir)
    listing = reader.list_escalations(Wanted())
    assert listing.counts == {"open": 2, "acknowledged": 1, "snoozed": 1, "resolved": 2, "tray": 1}
    assert (ids(listing), listing.total) == ([4, 3, 2, 1], 4)
    for tab, shown in {"open": [4, 1], "acknowledged": [2], "snoozed": [3], "resolved": [6, 5]}.items():
        assert ids(reader.list_escalations(Wanted.read({"status": tab}))) == shown
    assert ids(reader.list_escalations(Wanted(tray=True))) == [6]
    critical = reader.list_escalations(Wanted(severity=("critical",)))
    assert (ids(critical), critical.counts["open"], critical.counts["resolved"]) == ([1], 1, 0)
    assert ids(reader.list_escalations(Wanted(owner="eve"))) == [3, 2]


def test_filters_hold_together(store: Store, desk: Desk, state_dir: Path) -> None:
    """What the incident is counts for its escalation too; every word must be found, and none is more than text."""
    a_case(store, desk, 1, "the disk 100%_full", message="disk /var is full")
    a_case(store, desk, 2, "the vote was split", message="postgresql.service failed")
    reader = Reader(state_dir)
    assert ids(reader.list_escalations(Wanted(check="c1"))) == [1]
    assert ids(reader.list_escalations(Wanted(check="c1", target="u2.service"))) == []
    assert ids(reader.list_escalations(Wanted(q="vote postgres"))) == [2]
    assert ids(reader.list_escalations(Wanted(q="vote disk"))) == []
    for hostile in ('"', "'", "%", "_", "*", "(", "NEAR(", "a OR", "title:disk", "-disk", "\\", "ä" * 200):
        assert ids(reader.list_escalations(Wanted(q=hostile))) in ([], [1])
    assert reader.list_escalations(Wanted()).rows[0]["task"]["target"] == "u2.service"


def test_incidents_are_listed_without_symptoms(store: Store, state_dir: Path) -> None:
    """A symptom is its root's story, unless one asks for symptoms."""
    for n in range(4):
        an_incident(store, a_fault(f"u{n}", f"c{n}"), time.time() - 60)
    store.close(1, Status.FIXED, phase=2, fix_successful=True, resolution="")
    store.observe("c2", (a_fault("u2", "c2"),), time.time(), lambda _faults: {"c2:u2": "c3:u3"})
    reader = Reader(state_dir)
    listing = reader.list_incidents(Wanted())
    assert ids(listing) == [4, 2, 1]
    assert listing.counts == {
        "open": 2,
        "fixed": 1,
        "merged": 1,
        **dict.fromkeys(("healing", "waiting", "escalated", "cleared", "dismissed"), 0),
    }
    assert ids(reader.list_incidents(Wanted.read({"status": "merged"}))) == [3]
    assert ids(reader.list_incidents(Wanted(phase=2))) == ids(reader.list_incidents(Wanted(sort="updated", limit=1))) == [1]
    assert ids(reader.list_incidents(Wanted(target="u3", q="u3 unitfailed"))) == [4]


def test_rows_of_a_list_hold_what_is_now_and_no_long_text(store: Store, desk: Desk, state_dir: Path) -> None:
    """The incident's present state stands beside its escalation; the told story is left to the page of one."""
    number = a_case(store, desk, 1)
    store.close(1, Status.FIXED, phase=1, fix_successful=False, resolution="")
    (row,) = Reader(state_dir).list_escalations(Wanted()).rows
    assert (row["id"], row["check_name"], row["task"]["status"], "body" in row) == (number, "c1", "fixed", False)
    store.ledger.run("DELETE FROM tasks")
    (row,) = Reader(state_dir).list_escalations(Wanted(check="c1", target="u1.service")).rows
    assert row["task"] is None


def test_the_list_says_what_is_asked(store: Store, desk: Desk, state_dir: Path) -> None:
    """The newest open question that is more than a plain hand-over, with its end; nothing once it is answered."""
    case = store.case(an_incident(store))
    assert case is not None
    desk.escalate(case.incident, "mode is approve", body="", kind="approval", proposal=a_proposal(), expires_at=time.time() + 60)
    desk.escalate(case.incident, "which disk?", body="", kind="input", question="Which disk is the new one?")
    a_case(store, desk, 1)
    plain, asking = Reader(state_dir).list_escalations(Wanted()).rows
    assert plain["asked"] is None
    assert (asking["asked"]["kind"], asking["asked"]["question"]) == ("input", "Which disk is the new one?")
    desk.resolve(asking["id"], "mended", "eve")
    assert Reader(state_dir).list_escalations(Wanted(status=("resolved",))).rows[0]["asked"] is None


def test_first_goes_on_over_pages(store: Store, desk: Desk, state_dir: Path) -> None:
    """Who wants more rows than a page holds gets them all, and no row twice."""
    for n in range(7):
        a_case(store, desk, n)
    reader = Reader(state_dir)
    assert [row["id"] for row in first(reader.list_escalations, 5, sort="oldest")] == [1, 2, 3, 4, 5]
    listing = partial(Wanted, limit=2)
    assert [row["id"] for row in first(lambda wanted: reader.list_escalations(listing(after=wanted.after)), 7)] == [7, 6, 5, 4, 3, 2, 1]


def test_no_list_reads_the_text_of_every_row(store: Store, desk: Desk, state_dir: Path) -> None:
    """Every filter and every order is decided in the index that holds all of it, whatever the planner thinks of the tables."""
    number = a_case(store, desk, 1)
    desk.snooze(number, time.time() + 100, "eve")
    book = Book(state_dir)
    steps: list[str] = []
    ask = book.rows

    def explained(name: str, sql: str, parameters: Mapping[str, Any] = {}) -> list[dict[str, Any]]:
        steps.extend(row[-1] for row in book.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
        return ask(name, sql, parameters)

    book.rows = explained  # type: ignore[method-assign, assignment]
    common = {"severity": ("high",), "check": "c1", "target": "u1.service", "q": "nothing left"}
    for sort in ("newest", "oldest", "severity", "updated"):
        assert list_escalations(book, Wanted.model_validate({**common, "sort": sort, "status": ("snoozed",)})).total == 1
        list_escalations(book, Wanted.model_validate({**common, "sort": sort, "tray": True, "owner": "eve"}))
        list_incidents(book, Wanted.model_validate({**common, "sort": sort, "phase": 1, "status": ("fixed", "open")}))
    book.close()
    read = {step for step in steps if step.partition(" ")[2].startswith(("tasks", "escalations"))}
    assert len(read) > 2
    assert [step for step in read if "_listed" not in step and "INTEGER PRIMARY KEY" not in step] == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(status=("healing",)), "status: healing is none of this list's; there are open, acknowledged, snoozed, resolved"),
        (Wanted(after="2026-01-01 00:00:00.000~1"), "after: .* is no place in this list sorted by newest; leave it away"),
        (Wanted(after="~1", sort="severity"), "after: "),
        (Wanted(phase=1), "phase: this list knows no such filter; leave it away"),
        (Wanted(after="~"), "after: "),
        (Wanted(after="~" + "9" * 40), "after: "),
    ],
)
def test_a_filter_of_another_list_is_said(state_dir: Path, wanted: Wanted, said: str) -> None:
    """A place or a state that this list does not know is an error with a word, not another page."""
    with pytest.raises(ValueError, match=said):
        Reader(state_dir).list_escalations(wanted)
