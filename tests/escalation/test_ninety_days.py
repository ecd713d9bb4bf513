"""Ninety days of a host where something is wrong every other hour: all that is kept is as large on the last day as on the fortieth.

A fortieth of what is really kept, and of what then happens: 500 faults a day would fill it as soon. Time is a number here.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation import Desk
from escalation.retention import ENDS as ENDS_AT_DESK
from escalation.retention import KeepAtDesk
from orchestrator.config import Agents
from orchestrator.hands import record
from orchestrator.hands.record import Entry, Record
from orchestrator.host.known_good import KnownGood
from orchestrator.host.machine import Machine
from orchestrator.host.view import View
from orchestrator.model import Alert, Cost, Evidence, Handoff, Minute, Outcome, Status, digest, utc
from orchestrator.store import Alerts, Inbox, Lesson, Spending, Store
from orchestrator.store.copies import KEPT, copies, is_due, make_copy
from orchestrator.store.ledger import Ledger
from orchestrator.store.retention import ENDS, HOUR, Keep
from orchestrator.store.verifying import verified
from tests.escalation.conftest import MailServer, Postman
from tests.store.made import ALLOWED, a_fault, a_proposal

DAY = 86_400.0
FAULTS = 12
KEEP = Keep(closed=300, evidence_days=10, audited=2000, cut=100, calls=300, decisions=150, alerts=150, patterns=100)
AT_DESK = KeepAtDesk(resolved=60, loose=200, notes=50)
TEXT = "what a program wrote into its log before it died; " * 20


class Clock:
    """The host's, which runs when it is told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def server(postman: Postman) -> Iterator[MailServer]:
    server = MailServer(postman)
    server.start()
    yield server
    server.stop()


class Healer:
    """A host's healer, and what happens to it in a day."""

    def __init__(self, state_dir: Path, server: MailServer, clock: Clock) -> None:
        self.state_dir, self.clock, self._server = state_dir, clock, server
        self.hands_dir = state_dir.with_name("state-hands")
        self.store = Store(state_dir)
        self.desk = Desk(state_dir, server.mail(), "web1")
        self.record = Record(self.hands_dir / "record")
        self.view = View(self.hands_dir)
        self.machine = Machine(self.view, self.hands_dir / "quarantine")
        self._numbers = itertools.count()
        for ledger in (self.store.ledger, self.desk.ledger):
            ledger.db.conn.execute("PRAGMA synchronous = OFF")  # what is measured is how much, not how safely

    def close(self) -> None:
        self.desk.close()
        self.view.close()
        self.store.shut()

    def day(self, number: int) -> None:
        if number == 50:
            self._server.stop()  # the mail server is down for three days
        if number == 53:
            self._server.start()
        for hour in range(24):
            self.clock.now += HOUR
            if hour % 2:
                self._fault(f"s{next(self._numbers) % 40}.service")
            if hour % 6 == 0:
                self._people()
                self._keep_up()
        self._machine_at_work(number)

    def _fault(self, target: str) -> None:
        """It is healed; each fourth one reaches a person first; each tenth is an event that nobody sees again."""
        n, now = next(self._numbers), self.clock.now
        self.store.observe("unit_failed", (a_fault(target), a_fault("old.service")), now)
        (number,) = (
            row["id"] for row in self.store.ledger.rows("SELECT id FROM tasks WHERE target = ? ORDER BY id DESC LIMIT 1", (target,))
        )
        self.store.add_evidence(number, [Evidence(source="journal", text=TEXT, at=now) for _ in range(5)])
        proposal = a_proposal(target, cause=f"cause {n % 300}", origin=f"runbook:{n}")
        attempt = self.store.begin_attempt(number, 1, proposal, ALLOWED, now)
        change = self.store.begin_change(attempt, 1, proposal.plan[0], {})
        told = {"kind": "start_unit", "targets": (target,), "hash": "a", "before": {"text": TEXT}}
        self.record.append(Entry.model_validate({"id": change, "op": "perform", "at": now, **told}))
        self.store.change_done(change)
        self.store.end_attempt(attempt, Outcome.HEALED, "clean")
        self.store.teach(f"v1:{n % 300}", proposal.plan, "runbook")
        if case := self.store.case(number):
            lesson = {"expert": "kernel", "stance": "propose", "kinds": ("start_unit",), "fact": f"fact {n}", "proved": "healed"}
            self.store.remember(case, [Lesson.model_validate(lesson)])
            if n % 4 == 0:
                self._with_person(number)
        self.store.close(number, Status.FIXED, phase=1, fix_successful=True, resolution="clean")
        self.desk.went_away(number, "healed: clean", healed_in=1)
        self.store.observe("unit_failed", (a_fault("old.service"),), now)

    def _with_person(self, number: int) -> None:
        purse = Spending(self.store.ledger, Agents.model_validate({"day_tokens": 10**9, "incident_tokens": 10**9}), self.clock)
        cost = Cost.model_validate({"backend": "b", "model": "m", "incident": number, "phase": 2, "expert": "e", "tokens_in": 9})
        for _ in range(6):
            purse.settle(purse.reserve(cost), cost)
        self.desk.hand_off(number, Handoff(phase=1, reason=TEXT), 2)
        self.desk.minutes(number, [Minute(expert="kernel", stance="propose", reasoning=TEXT)] * 3)
        case = self.store.case(number)
        assert case is not None
        escalated = self.desk.escalate(case.incident, f"nothing left: {TEXT}", body=TEXT, proposal=a_proposal(), kind="approval")
        self.desk.deliver(self.clock.now, at_once=True)
        self.desk.ack(escalated, "eve")
        self.desk.note(escalated, TEXT, "eve")
        self.desk.review(number, "was it right?")

    def _people(self) -> None:
        with Inbox(self.state_dir) as inbox:
            for _ in range(3):
                inbox.put("pause", {"reason": TEXT}, "eve")
        for click in self.store.take_clicks():
            self.store.pause("web", until=self.clock.now + 60, reason="deploy", actor="eve", click_id=click.id)
            self.store.audit("eve", "pause", {"result": TEXT})
            self.store.answer_click(click.id, "done")
        with Alerts(self.state_dir) as alerts:
            told = {"name": "a", "target": "web.service", "starts_at": self.clock.now, "seen_at": self.clock.now}
            alerts.put([Alert.model_validate({"key": f"k{next(self._numbers)}", **told}) for _ in range(10)])
        self.desk.once(f"click {next(self._numbers)}", lambda: TEXT)
        self.desk.note(1, f"still there: {TEXT}", "eve")

    def _keep_up(self) -> None:
        """A sweep, as the daemon makes it."""
        self.store.tidy(self.clock.now, KEEP)
        self.desk.expire(self.clock.now)
        self.desk.deliver(self.clock.now)
        self.desk.tidy(self.clock.now, AT_DESK)
        if is_due(self.state_dir, self.clock.now):
            make_copy(self.state_dir, self.clock.now)

    def _machine_at_work(self, number: int) -> None:
        good = KnownGood(self.hands_dir / "known-good")
        file = self.state_dir.parent / "shop.conf"
        file.write_text(f"{number} {TEXT}")
        state = self.view.files.look(str(file))
        assert state is not None
        good.put(str(file), file.read_bytes(), state, self.clock.now)
        self.machine.quarantine.keep(str(file), self.view.files.digest(str(file)))

    def sizes(self) -> dict[str, int]:
        """In bytes, of what is really in them."""
        of = {"backup": self.state_dir / "backup", "hands": self.hands_dir}
        folders = {name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for name, folder in of.items()}
        return {"tasks": _used(self.store.ledger), "escalations": _used(self.desk.ledger), **folders, "outbox": self._outbox()}

    def _outbox(self) -> int:
        return int(self.desk.ledger.rows("SELECT COUNT(*) AS n FROM outbox")[0]["n"])


def _largest(days: list[dict[str, int]]) -> dict[str, int]:
    """Of ten days: a file that is rotated, and each night's copy, has its own ups and downs."""
    return {name: max(day[name] for day in days) for name in days[0]}


def _used(ledger: Ledger) -> int:
    ledger.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return ledger.path.stat().st_size


@pytest.mark.timeout(900)
def test_all_that_is_kept_is_as_large_on_the_last_day_as_on_the_fortieth(
    state_dir: Path, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Both files, their copies, the hands' own directory and the outbox; what stands open since the first day is there with all of it."""
    monkeypatch.setattr(record, "ROTATE_BYTES", 100 << 10)
    monkeypatch.setattr(record, "KEPT_BYTES", 80 << 10)
    healer = Healer(state_dir, server, clock)
    request.addfinalizer(healer.close)  # of what this test alone needs
    (number,) = healer.store.observe("unit_failed", (a_fault("old.service"),), clock.now).opened
    case = healer.store.case(number)
    assert case is not None
    healer.store.add_evidence(number, [Evidence(source="journal", text="the first day")])
    escalation = healer.desk.escalate(case.incident, "nothing left", body="")
    healer.store.escalated(number, reason="nothing left")
    sizes = []
    for day in range(90):
        healer.day(day)
        sizes.append(healer.sizes())
    fortieth, last = _largest(sizes[30:40]), _largest(sizes[80:90])
    assert {name: size for name, size in last.items() if size > 1.1 * fortieth[name]} == {}, (fortieth, last)
    assert all(fortieth.values())
    stands = healer.store.case(number)
    assert stands is not None
    assert [item.text for item in stands.evidence] == ["the first day"]
    found = healer.desk.find(escalation)
    assert found is not None
    assert found.status == "open"
    audit = healer.store.ledger.rows("SELECT * FROM audit ORDER BY id")
    assert audit[0]["id"] > 1, "it was cut"
    assert verified(audit, audit[-1]["id"]).wrong == ()
    assert len(copies(state_dir)) == KEPT


def test_every_table_has_an_end(store: Store, desk: Desk) -> None:
    """A table that is new here is named with how it ends, or with why it cannot grow."""
    for ledger, ends in ((store.ledger, ENDS), (desk.ledger, ENDS_AT_DESK)):
        tables = {row["name"] for row in ledger.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables - {"sqlite_sequence", "_sqlite_migrations"} == set(ends)


def test_a_file_beyond_its_size_lets_its_oldest_go(store: Store, clock: Clock) -> None:
    """Whatever its rows count: closed ones alone."""
    for n in range(600):
        faults = tuple(a_fault(f"{number}.service", message=TEXT) for number in {0, n})
        (number,) = store.observe("unit_failed", faults, clock.now + n).opened
        store.add_evidence(number, [Evidence(source="journal", text=digest(n) * 500)])
        if n:
            store.close(number, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.tidy(clock.now, Keep(file_bytes=1 << 20))
    left = [row["id"] for row in store.ledger.rows("SELECT id FROM tasks ORDER BY id")]
    assert left[0] == 1
    assert 0 < len(left) < 200
    assert left[1:] == list(range(left[1], 601)), "the newest stay"
    assert utc(clock.now)
