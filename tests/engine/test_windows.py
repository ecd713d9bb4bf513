"""While a window is open nothing that it covers is healed or escalated; what still stands when it ends is."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.checks import all_checks
from orchestrator.config import Config, Mail
from orchestrator.engine import Engine
from orchestrator.engine.clicks import Clicks
from orchestrator.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Answer, Case, HandOver, Status, utc
from orchestrator.store import Inbox, Store

CONFIG = Config.model_validate({"disk": [{"mount": "/", "max_used_percent": 0.001}]})
"""A fault that stands on every host, for a check that needs no systemd."""


class Asked:
    """A phase that always hands over, and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert case
        assert view
        assert deadline
        self.times += 1
        return HandOver(reason="there is nothing that may be removed")


class House:
    """The engine with everything real but a phase."""

    def __init__(self, state_dir: Path) -> None:
        self.store = Store(state_dir)
        self.desk = Desk(state_dir, Mail.model_validate({"enabled": False}), "web1")
        self.view = View(state_dir)
        self.phase = Asked()
        hands = Hands(CONFIG, state_dir / "hands.record", Machine(self.view, state_dir / "quarantine"), self.view)
        self.engine = Engine(CONFIG, self.view, self.store, self.desk, hands, {1: self.phase, 2: self.phase, 3: self.phase})
        self.clicks = Clicks(self.store, self.desk, CONFIG)
        self.inbox = Inbox(state_dir)
        seen = all_checks()["disk_full"].ask(self.view, CONFIG)
        assert isinstance(seen, tuple)
        (self.fault,) = seen
        (self.number,) = self.store.observe("disk_full", seen, time.time()).opened

    def step(self) -> Case:
        """What is due now takes its step."""
        for case in self.engine.claim_due(time.time(), lambda _case: True):
            self.engine.step(case)
        found = self.store.case(self.number)
        assert found is not None
        return found

    def passes(self, window: int) -> None:
        """Its end, and the time at which a case that it held back looks again, are past."""
        self.store.ledger.update("windows", window, {"until": utc(time.time() - 1)})
        self.store.ledger.run("UPDATE tasks SET next_at = ?", (utc(0),))

    def close(self) -> None:
        self.inbox.close()
        self.view.close()
        self.desk.close()
        self.store.shut()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_without_a_window_it_is_handed_over(house: House) -> None:
    """So that what follows proves something."""
    assert house.step().incident.status is Status.ESCALATED
    assert house.phase.times == 1


def test_a_silence_holds_this_fault_back_until_it_ends(house: House) -> None:
    """With who, why and until when; when its time is over and the fault stands, a person hears of it."""
    until = time.time() + 3600
    window = house.store.pause("", key=house.fault.key, until=until, reason="known, it is the archive", actor="anna")
    case = house.step()
    assert case.incident.status is Status.OPEN
    assert case.incident.waiting_for.startswith("maintenance: silenced, known, it is the archive (anna, until 2")
    assert (house.phase.times, house.desk.open_for(house.number)) == (0, None)
    house.passes(window)
    assert house.step().incident.status is Status.ESCALATED
    assert house.desk.open_for(house.number) is not None


def test_a_window_that_is_ended_early_makes_it_due_at_once(house: House) -> None:
    """Nobody waits for the end that is no more."""
    window = house.store.pause("", until=time.time() + 3600, reason="moving", actor="anna")
    assert house.step().incident.status is Status.OPEN
    house.inbox.put("end", {"window_id": window}, "anna")
    house.clicks.take()
    assert house.step().incident.status is Status.ESCALATED
    again = house.inbox.put("end", {"window_id": window}, "anna")
    house.clicks.take()
    assert house.inbox.result(again) == f"refused: window {window} is over"


def test_a_window_that_is_still_to_come_holds_nothing_back(house: House) -> None:
    """Nor does a silence of another fault, or a maintenance of another service."""
    later = time.time() + 1800
    house.store.pause("", begins_at=later, until=later + 60, reason="tonight", actor="anna")
    house.store.pause("", key="disk_full:/srv", until=later, reason="another one", actor="anna")
    house.store.pause("shop", until=later, reason="another one", actor="anna")
    assert house.step().incident.status is Status.ESCALATED


def test_a_fault_that_keeps_coming_back_is_no_call_in_a_window(house: House) -> None:
    """The budget of relapses calls a person; not in a window."""
    house.store.ledger.update("tasks", house.number, {"occurrences": 9})
    window = house.store.pause("", until=time.time() + 60, reason="moving", actor="anna")
    house.engine.relapsed(house.number)
    assert house.desk.open_for(house.number) is None
    house.passes(window)
    house.engine.relapsed(house.number)
    assert house.desk.open_for(house.number) is not None


def test_what_a_person_does_passes(house: House) -> None:
    """In a window, too: who has it is written down, and what went away by itself resolves its escalation."""
    house.step()
    house.store.pause("", until=time.time() + 60, reason="moving", actor="anna")
    escalation = house.desk.open_for(house.number)
    assert escalation is not None
    assert house.desk.ack(escalation.id, "bob").status == "acknowledged"
    house.desk.went_away(house.number, "it went away by itself")
    assert house.desk.known(escalation.id).status == "resolved"
