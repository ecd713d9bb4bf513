"""Looks in flight: soft state, lateness, blindness."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.checks import Check
from orchestrator.checks.looks import Looks
from orchestrator.config import Config
from orchestrator.host import Partly, Unavailable, View
from orchestrator.model import Blind, Fault, Seen

FAULT = Fault(check="c", target="t", reason="Broken", message="m")


class Bench:
    """One check whose answers the test chooses, looked at until it ended."""

    def __init__(self, tmp_path: Path, *, confirm: int = 1, deadline: float = 5) -> None:
        self.answer: tuple[Fault, ...] | Exception = ()
        self.then: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.ended = threading.Semaphore(0)
        check = Check("c", self._look, "about", None, deadline, confirm, on_events=True, retry=0.01)
        self.looks = Looks(View(tmp_path), Config(), {"c": check}, self.ended.release)

    def _look(self, _view: View, _config: Config) -> Iterator[Fault]:
        self.hold.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        yield from self.answer
        if self.then:
            raise self.then

    def seen(self) -> Seen:
        self.looks.ask("c")
        assert self.ended.acquire(timeout=5)
        ((_name, seen),) = self.looks.finished()
        return seen


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.looks.close()


def test_a_fault_is_seen(bench: Bench) -> None:
    """A check without soft state reports at the first look."""
    bench.answer = (FAULT,)
    assert bench.seen() == (FAULT,)


def test_unavailable_is_blind_and_no_fault(bench: Bench) -> None:
    """Our own trouble is neither healthy nor a fault (law 1)."""
    bench.answer = Unavailable("the bus does not answer")
    assert bench.seen() == Blind(reason="the bus does not answer")


def test_what_a_blind_check_saw_all_the_same_is_confirmed_as_ever(tmp_path: Path) -> None:
    """Soft state counts for what it sees beside what it cannot see."""
    check = Check("c", _half_blind, "about", None, 5, 2, on_events=True, retry=0.01)
    looks = Looks(View(tmp_path), Config(), {"c": check}, lambda: None)
    try:
        seen = [_one_look(looks), _one_look(looks)]
    finally:
        looks.close()
    assert seen == [Blind(reason="no such program"), Blind(reason="no such program", seen=(FAULT,))]


def _half_blind(_view: View, _config: Config) -> Iterator[Fault]:
    yield FAULT
    raise Unavailable("no such program")


def _one_look(looks: Looks) -> Seen:
    looks.ask("c")
    while not (found := tuple(looks.finished())):
        time.sleep(0.005)
    return found[0][1]


def test_a_bug_in_a_check_is_blind_too(bench: Bench) -> None:
    """A raising check ends no watch, and is told with its error."""
    bench.answer = ZeroDivisionError("oops")
    seen = bench.seen()
    assert isinstance(seen, Blind)
    assert "ZeroDivisionError" in seen.reason


def test_a_soft_fault_counts_only_after_enough_looks_in_a_row(tmp_path: Path) -> None:
    """Noise is confirmed before an incident opens, and one good look begins the count anew."""
    bench = Bench(tmp_path, confirm=3)
    bench.answer = (FAULT,)
    assert [bench.seen(), bench.seen()] == [(), ()]
    bench.answer = ()
    assert bench.seen() == ()
    bench.answer = (FAULT,)
    assert [bench.seen(), bench.seen(), bench.seen()] == [(), (), (FAULT,)]
    bench.looks.close()


def test_while_a_fault_waits_for_confirmation_the_next_look_comes_soon(tmp_path: Path) -> None:
    """The confirmation is a look of its own, asked for by nobody."""
    bench = Bench(tmp_path, confirm=2)
    bench.answer = (FAULT,)
    assert bench.seen() == ()
    assert bench.looks.next_retry() is not None
    while not bench.ended.acquire(timeout=0.02):
        assert list(bench.looks.finished()) == []
    assert list(bench.looks.finished()) == [("c", (FAULT,))]
    bench.looks.close()


def test_a_late_look_is_blind_once_and_not_asked_again(tmp_path: Path) -> None:
    """What hangs is told once, and is not asked again until it answers (law 9)."""
    bench = Bench(tmp_path, deadline=0)
    bench.hold.clear()
    bench.looks.ask("c")
    ((_name, seen),) = bench.looks.finished()
    assert isinstance(seen, Blind)
    bench.looks.ask("c")
    assert list(bench.looks.finished()) == []
    bench.hold.set()
    assert bench.ended.acquire(timeout=5)
    assert list(bench.looks.finished()) == [("c", ())]
    bench.looks.close()


def test_what_a_look_saw_is_as_old_as_its_beginning(bench: Bench) -> None:
    """A look that was asked for again meanwhile tells its own time, not the next one's."""
    bench.hold.clear()
    before = time.time()
    bench.looks.ask("c")
    asked_again = time.time()
    bench.looks.ask("c")
    bench.hold.set()
    assert bench.ended.acquire(timeout=5)
    assert list(bench.looks.finished()) == [("c", ())]
    assert before <= bench.looks.looked_at("c") <= asked_again


def test_a_look_that_took_long_rests_before_an_event_wakes_it_again(bench: Bench) -> None:
    """Where much is wrong a look is dear and events are many: they are answered, and the daemon is no load of its own."""
    bench.hold.clear()
    bench.looks.ask("c")
    bench.looks.ask("c")
    threading.Timer(0.4, bench.hold.set).start()
    assert bench.ended.acquire(timeout=5)
    assert len(list(bench.looks.finished())) == 1
    rest = bench.looks.next_retry()
    assert rest is not None
    assert 0.2 < rest <= 5
    time.sleep(rest)
    assert list(bench.looks.finished()) == []
    assert bench.ended.acquire(timeout=5)
    assert len(list(bench.looks.finished())) == 1


def test_a_look_that_hangs_is_no_work_that_anybody_waits_for(bench: Bench) -> None:
    """It is blind until it answers, maybe for days: what waits for all to have looked does not wait for it."""
    bench.looks._checks = {"c": replace(bench.looks._checks["c"], deadline=0.05)}
    bench.hold.clear()
    bench.looks.ask("c")
    idle = [bench.looks.idle]
    deadline = time.monotonic() + 5
    while not (seen := list(bench.looks.finished())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(seen[0][1], Blind)
    idle.append(bench.looks.idle)
    bench.hold.set()
    assert idle == [False, True]


def test_a_check_that_is_woken_all_the_time_has_looked_all_the_same(tmp_path: Path) -> None:
    """On a host where units come and go it looks, rests and looks again for ever; what waits for it waits for one look."""
    bench = Bench(tmp_path, confirm=2)
    began = bench.looks._view.now()
    bench.hold.clear()
    bench.looks.ask("c")
    looked = [bench.looks.have_looked_since(began)]
    time.sleep(0.3)
    bench.looks.ask("c")
    bench.hold.set()
    assert bench.ended.acquire(timeout=5)
    assert [seen for _, seen in bench.looks.finished()] == [()]
    looked += [bench.looks.idle, bench.looks.have_looked_since(began), bench.looks.have_looked_since(began + 100)]
    bench.answer = (FAULT,)
    time.sleep(0.6)
    list(bench.looks.finished())
    assert bench.ended.acquire(timeout=5)
    list(bench.looks.finished())
    looked.append(bench.looks.have_looked_since(began))
    bench.looks.close()
    assert looked == [False, False, True, False, False]


def test_single_misses_beside_one_that_cannot_be_seen_are_not_counted_together(tmp_path: Path) -> None:
    """A probe whose program is gone blinds for weeks; what was looked at in between and is well begins anew, what is hidden does not."""
    bench = Bench(tmp_path, confirm=2)
    other = FAULT.model_copy(update={"target": "other"})
    for _ in range(3):
        bench.answer, bench.then = (FAULT,), Partly("no such program", ("hidden",))
        assert bench.seen() == Blind(reason="no such program", unseen=frozenset({"hidden"}))
        bench.answer = ()
        bench.seen()
    bench.answer, bench.then = (other,), None
    bench.seen()
    bench.answer, bench.then = (), Partly("no such program", ("other",))
    bench.seen()
    bench.answer, bench.then = (other,), None
    assert bench.seen() == (other,)
    bench.looks.close()
