"""What comes by the clock: how often each check looks, and what becomes of a job that goes wrong."""

import logging
import threading
from datetime import UTC, datetime
from functools import partial

import pytest

from orchestrator.checks import all_checks
from orchestrator.daemon.timetable import Timetable, pace


@pytest.mark.parametrize(
    ("every", "poll", "seconds"),
    [
        (None, 30, 30),
        (10, 30, 10),
        (300, 30, 300),
        (10, 2, 2),
        (300, 2, 20),
        (60, 3600, 60),
    ],
)
def test_a_slow_check_keeps_its_pace_beside_the_sweep(every: float | None, poll: float, seconds: float) -> None:
    """A check that is rare by its own word stays rare on a usual host, and comes in proportion where the sweep is quick."""
    assert pace(every, poll) == pytest.approx(seconds)


def test_a_job_that_goes_wrong_is_told_in_one_line_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    """Once, however often it goes wrong in the same way; and again after it went well: an operator reads no traceback."""
    turns, over = iter(["wrong", "wrong", "well", "wrong", "wrong"]), threading.Event()

    def look_again() -> None:
        turn = next(turns, "over")
        if turn == "over":
            over.set()
        if turn == "wrong":
            raise KeyError("x")

    timetable = Timetable({}, lambda _: None, lambda: None, lambda: None, look_again, lambda: None)
    timetable.start(0.02)
    assert over.wait(20)
    timetable.stop()
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in told] == [None, None]
    for record in told:
        assert record.getMessage().startswith("second-look: our own trouble: KeyError: 'x' (test_timetable.py, line ")


def test_what_is_cut_short_by_the_stop_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """A job under way finds closed what it works with."""
    began, stopped, workers = threading.Event(), threading.Event(), []

    def look_again() -> None:
        workers.append(threading.current_thread())
        began.set()
        stopped.wait(20)
        raise RuntimeError("cannot schedule new futures after shutdown")

    timetable = Timetable({}, lambda _: None, lambda: None, lambda: None, look_again, lambda: None)
    timetable.start(0.02)
    assert began.wait(20)
    timetable.stop()
    stopped.set()
    workers[0].join(20)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_takes_its_time_keeps_no_check_from_its_turn() -> None:
    """A mail server that does not answer, a look at what people have, and a slow disk for the copy: all at once."""
    hold, asked, all_began = threading.Event(), threading.Event(), threading.Event()
    began: set[str] = set()

    def slow(name: str) -> None:
        began.add(name)
        if len(began) == 3:
            all_began.set()
        hold.wait(20)

    def ask(_: str) -> None:
        asked.set()

    jobs = (partial(slow, name) for name in ("deliver", "look_again", "copy"))
    timetable = Timetable({"clock": all_checks()["clock_unsynchronised"]}, ask, lambda: None, *jobs)
    timetable.start(0.02)
    try:
        assert timetable._scheduler
        for name in ("outbox", "copy"):
            timetable._scheduler.modify_job(name, next_run_time=datetime.now(UTC))
        all_began.wait(2)
        asked.clear()
        assert asked.wait(5)
    finally:
        hold.set()
        timetable.stop()
