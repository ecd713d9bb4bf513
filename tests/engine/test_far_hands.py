"""The engine with its hands in another process: they may be gone at any moment, and that is nobody's fault but ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.engine import Engine
from orchestrator.hands import client
from orchestrator.hands.client import RemoteHands
from orchestrator.hands.peers import Peers
from orchestrator.model import Outcome, Status, utc
from tests.engine.test_memory import Learning
from tests.hands.talking import served


class Far(Learning):
    """Its engine reaches the hands by a socket; nobody listens there but in `served`."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.engine = Engine(self.config, self.view, self.store, self.desk, RemoteHands(tmp_path / "hands.sock"), {})
        self.has_room(0.001)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    monkeypatch.setattr(client, "_RETRY_SECONDS", 0.1)
    house = Far(tmp_path)
    yield house
    house.close()


def test_it_heals_through_them(house: Far, tmp_path: Path) -> None:
    """As in one process."""
    with served(house.hands, tmp_path, Peers()):
        assert house.until_over().incident.status is Status.FIXED
    assert not (tmp_path / "first" / "old.tmp").exists()


def test_without_hands_it_waits(house: Far, tmp_path: Path) -> None:
    """Nothing is begun, nothing counts as tried, nobody is told of a fix that failed; with hands again it is healed."""
    house.phase.helps = False
    case = house.step(house.number)
    assert not any(attempt.changes or attempt.outcome for attempt in case.tried)
    assert case.incident.status in (Status.OPEN, Status.HEALING)
    assert "the hands cannot be reached" in case.incident.waiting_for
    assert house.desk.open_for(house.number) is None
    house.phase.helps = True
    with served(house.hands, tmp_path, Peers()):
        house.due()
        assert house.until_over().incident.status is Status.FIXED


def test_hands_that_die_before_they_heard_it_did_nothing(house: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is written as begun and was never said: it counts as interrupted, and is begun again."""
    house.phase.helps = False
    with served(house.hands, tmp_path, Peers()), monkeypatch.context() as dying:
        dying.setattr(house.hands, "prepare", lambda action, _root: _last_word(house, tmp_path, action))
        house.step(house.number)
    assert (tmp_path / "first" / "old.tmp").exists()
    (attempt,) = house.case().tried or (house.case().open_attempt,)
    assert attempt
    assert [change.done_at for change in attempt.changes] == [None]
    (tmp_path / "gone.sock").rename(tmp_path / "hands.sock")
    with served(house.hands, tmp_path, Peers()):
        house.phase.helps = True
        house.due()
        case = house.step(house.number)
        assert [attempt.outcome for attempt in case.tried][:1] == [Outcome.INTERRUPTED]


def test_a_person_hears_of_hands_that_stay_away(house: Far) -> None:
    """Waiting must not become silence."""
    house.phase.helps = False
    house.store.ledger.run("UPDATE tasks SET opened_at = ?", (utc(0),))
    house.step(house.number)
    told = house.desk.open_for(house.number)
    assert told is not None
    assert "the hands cannot be reached" in told.reason


def _last_word(house: Far, tmp_path: Path, action: object) -> dict[str, object]:
    """They answer this, and nobody finds them after it."""
    answer = type(house.hands).prepare(house.hands, action)  # type: ignore[arg-type]
    (tmp_path / "hands.sock").rename(tmp_path / "gone.sock")
    return answer
