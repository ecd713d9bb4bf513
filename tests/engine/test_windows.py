"""While a window is open nothing that it covers is healed or escalated; what still stands when it ends is."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Answer, Case, HandOver, Status, utc
from tests.engine.house import House

CONFIG = Config.model_validate({"disk": [{"mount": "/", "max_used_percent": 0.001}]})
"""A fault that stands on every host, for a check that needs no systemd."""
KEY = "disk_full:/"


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


class Full(House):
    """With a disk that counts as full."""

    def __init__(self, state_dir: Path) -> None:
        self.phase = Asked()
        super().__init__(state_dir, CONFIG, {1: self.phase, 2: self.phase, 3: self.phase})
        (self.number,) = self.observe("disk_full").opened

    def passes(self, window: int) -> None:
        """Its end, and the time at which a case that it held back looks again, are past."""
        self.store.ledger.update("windows", window, {"until": utc(time.time() - 1)})
        self.due()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Full]:
    house = Full(tmp_path)
    yield house
    house.close()


def test_without_a_window_it_is_handed_over(house: Full) -> None:
    """So that what follows proves something."""
    assert house.step(house.number).incident.status is Status.ESCALATED
    assert house.phase.times == 1


def test_a_silence_holds_this_fault_back_until_it_ends(house: Full) -> None:
    """With who, why and until when; when its time is over and the fault stands, a person hears of it."""
    until = time.time() + 3600
    window = house.store.pause("", key=KEY, until=until, reason="known, it is the archive", actor="anna")
    case = house.step(house.number)
    assert case.incident.status is Status.OPEN
    assert case.incident.waiting_for.startswith("maintenance: silenced, known, it is the archive (anna, until 2")
    assert (house.phase.times, house.desk.open_for(house.number)) == (0, None)
    house.passes(window)
    assert house.step(house.number).incident.status is Status.ESCALATED
    assert house.desk.open_for(house.number) is not None


def test_a_window_that_is_ended_early_makes_it_due_at_once(house: Full) -> None:
    """Nobody waits for the end that is no more."""
    window = house.store.pause("", until=time.time() + 3600, reason="moving", actor="anna")
    assert house.step(house.number).incident.status is Status.OPEN
    house.inbox.put("end", {"window_id": window}, "anna")
    house.clicks.take()
    assert house.step(house.number).incident.status is Status.ESCALATED
    again = house.inbox.put("end", {"window_id": window}, "anna")
    house.clicks.take()
    assert house.inbox.result(again) == f"refused: window {window} is over"


def test_a_window_that_is_still_to_come_holds_nothing_back(house: Full) -> None:
    """Nor does a silence of another fault, or a maintenance of another service."""
    later = time.time() + 1800
    house.store.pause("", begins_at=later, until=later + 60, reason="tonight", actor="anna")
    house.store.pause("", key="disk_full:/srv", until=later, reason="another one", actor="anna")
    house.store.pause("shop", until=later, reason="another one", actor="anna")
    assert house.step(house.number).incident.status is Status.ESCALATED


def test_a_fault_that_keeps_coming_back_is_no_call_in_a_window(house: Full) -> None:
    """The budget of relapses calls a person; not in a window."""
    house.store.ledger.update("tasks", house.number, {"occurrences": 9})
    window = house.store.pause("", until=time.time() + 60, reason="moving", actor="anna")
    house.engine.endings.relapsed(house.number)
    assert house.desk.open_for(house.number) is None
    house.passes(window)
    house.engine.endings.relapsed(house.number)
    assert house.desk.open_for(house.number) is not None


def test_what_a_person_does_passes(house: Full) -> None:
    """In a window, too: who has it is written down, and what went away by itself resolves its escalation."""
    house.step(house.number)
    house.store.pause("", until=time.time() + 60, reason="moving", actor="anna")
    escalation = house.desk.open_for(house.number)
    assert escalation is not None
    assert house.desk.ack(escalation.id, "bob").status == "acknowledged"
    house.desk.went_away(house.number, "it went away by itself")
    assert house.desk.known(escalation.id).status == "resolved"
