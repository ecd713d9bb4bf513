"""A model thinks for minutes: what it says is acted upon only where the case still is ours."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.engine import engine
from orchestrator.host import View
from orchestrator.model import Answer, Case, HandOver, Minute, Status
from tests.engine.test_memory import Learning


class Thinking:
    """Meanwhile something happens; then it answers as another phase does, or hands over."""

    def __init__(self, meanwhile: Callable[[], object], answers: Callable[[Case, View, float], Answer]) -> None:
        self.meanwhile = meanwhile
        self.answers = answers

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        self.meanwhile()
        return self.answers(case, view, deadline)


def hands_over(case: Case, view: View, deadline: float) -> Answer:
    assert case
    assert view
    assert deadline
    return HandOver(reason="it is somebody else's", minutes=(Minute(expert="dns", backend="played", stance="person", dollars=0.1),))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Learning]:
    monkeypatch.setattr(engine, "_THOUGHT_LONG_SECONDS", 0.0)
    house = Learning(tmp_path)
    yield house
    house.close()


def test_a_window_that_opened_meanwhile_holds_its_plan_back(house: Learning) -> None:
    """Nothing is done in it, and what the thought has cost is in the minutes."""
    house.phase.helps = False

    def pause() -> None:
        house.store.pause("", until=time.time() + 3600, reason="moving", actor="anna")

    house.engine.reload(house.config, {3: Thinking(pause, house.phase.propose)})
    case = house.step(house.number)
    assert case.tried == ()
    assert case.incident.waiting_for.startswith("maintenance")
    assert len(house.desk.said(house.number, 0.0)) == 5


def test_nobody_is_called_for_what_went_away_meanwhile(house: Learning) -> None:
    """Nor is it handed on."""
    house.engine.reload(house.config, {3: Thinking(lambda: house.has_room(99.9), hands_over)})
    assert house.step(house.number).incident.status is Status.CLEARED
    assert house.desk.open_for(house.number) is None
    assert house.desk.ledger.rows("SELECT stance, dollars FROM agent_consultations") == [{"stance": "person", "dollars": 0.1}]


def test_what_still_stands_is_acted_upon(house: Learning) -> None:
    """So that the two above prove something."""
    house.phase.helps = False
    house.engine.reload(house.config, {3: Thinking(lambda: None, house.phase.propose)})
    assert house.step(house.number).tried != ()
