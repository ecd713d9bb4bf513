"""What the checks saw is told once, whatever becomes of it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.daemon.observing import Observing
from orchestrator.daemon.opening import opened
from orchestrator.host import Unavailable, View
from orchestrator.model import Fault
from orchestrator.store import StoreFailed
from tests.checks.test_looks import FAULT, Bench


class Watch(Bench):
    """A check whose answers the test chooses, and what is made of them."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.config = Config.model_validate({"daemon": {"state_dir": str(tmp_path / "state")}})
        self.store, self.desk = opened(self.config)
        self.view = View(tmp_path)
        self.back: list[int] = []
        self.observing = Observing(self.view, self.store, self.desk, self.looks, self.back.append)

    def take(self, answer: tuple[Fault, ...] | Exception = ()) -> None:
        """One look that ends so. Raises StoreFailed."""
        self.answer = answer
        self.looks.ask("c")
        assert self.ended.acquire(timeout=5)
        self.observing.take(self.config)

    def close(self) -> None:
        self.looks.close()
        self.view.close()
        self.desk.close()
        self.store.shut()


@pytest.fixture
def watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Watch]:
    caplog.set_level(logging.INFO)
    watch = Watch(tmp_path)
    yield watch
    watch.close()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.endswith(".observing")]


def test_a_fault_opens_goes_and_comes_back(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Each is told, and who relapses is known to the engine."""
    watch.take((FAULT,))
    watch.store.ledger.run("UPDATE tasks SET status = 'fixed', resolved_at = detected_at, fix_successful = 1")
    watch.take((FAULT,))
    watch.take()
    assert told(caplog) == ["incident 1 opened by c", "incident 1 is back", "incident 1 went away by itself"]
    assert watch.back == [1]


def test_what_cannot_be_written_is_told_once(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """The journal is the only place left for it; when the trouble is over it may be told again."""
    watch.store.ledger.close()
    for _ in range(2):
        with pytest.raises(StoreFailed):
            watch.take((FAULT,))
    assert told(caplog) == ["seen, and not written down: m"]
    watch.observing.written_again()
    with pytest.raises(StoreFailed):
        watch.take((FAULT,))
    assert len(told(caplog)) == 2


def test_blindness_is_told_when_it_begins_changes_and_ends(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """And counted meanwhile."""
    for reason in ("no bus", "no bus", "no answer"):
        watch.take(Unavailable(reason))
        assert watch.observing.blind == 1
    watch.take()
    assert told(caplog) == ["check c is blind: no bus", "check c is blind: no answer", "check c sees again"]
    assert watch.observing.blind == 0


def test_where_all_is_well_a_look_is_no_write(watch: Watch) -> None:
    """It is noted with the next tick; a fault, or one that is known of, ends that."""
    watch.take()
    before = watch.observing.clean["c"]
    watch.observing.note(all_well=True)
    watch.store.ledger.close()
    watch.take()
    assert watch.observing.clean["c"] > before
    watch.observing.note(all_well=False)
    with pytest.raises(StoreFailed):
        watch.take()
    assert watch.observing.clean == {}
