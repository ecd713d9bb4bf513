"""Questions that hang are left behind, and known to hang until they are answered."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Unavailable, helper_child
from orchestrator.host.helper import Helper


@pytest.fixture
def helper() -> Iterator[Helper]:
    opened = Helper()
    yield opened
    opened.close()


def _stop_the_child(helper: Helper) -> int:
    """A stopped process does not answer, as one that waits for a dead disk."""
    helper.ask("usage", "/")
    pid = helper._idle[0]._process.pid
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_question_is_answered(helper: Helper, tmp_path: Path) -> None:
    """By one child, again and again."""
    (tmp_path / "x").write_bytes(b"\x00\xff")
    pids = set()
    for _ in range(3):
        assert helper.ask("look", str(tmp_path / "x"))["size"] == 2
        pids.add(helper._idle[0]._process.pid)
    assert len(pids) == 1


def test_an_error_comes_back_as_it_was(helper: Helper) -> None:
    """The child's OSError is the caller's, and the child goes on."""
    with pytest.raises(FileNotFoundError, match="/no/such/place"):
        helper.ask("usage", "/no/such/place")
    assert helper.ask("look", "/no/such/place") is None


def test_a_late_answer_is_not_waited_for(helper: Helper) -> None:
    """At the deadline the caller goes on, and asks nothing more there; other things are still asked."""
    _stop_the_child(helper)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"/mnt/dead did not answer in 0.2 s"):
        helper.ask("usage", "/", 0.2, about="/mnt/dead")
    assert time.monotonic() - began < 2
    began = time.monotonic()
    with pytest.raises(Unavailable, match="/mnt/dead hangs"):
        helper.ask("usage", "/", 5, about="/mnt/dead")
    assert time.monotonic() - began < 0.1
    assert helper.hanging() == ("/mnt/dead",)
    assert helper.ask("usage", "/", about="/mnt/well")


def test_its_late_answer_is_the_news_that_it_is_back(helper: Helper) -> None:
    """What hung is asked again as soon as the old question was answered."""
    pid = _stop_the_child(helper)
    with pytest.raises(Unavailable):
        helper.ask("usage", "/", 0.2, about="/mnt/dead")
    os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + 10
    while helper.hanging() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert helper.ask("usage", "/", about="/mnt/dead")


def test_a_child_that_ended_is_replaced(helper: Helper) -> None:
    """It ends by itself when idle, or somebody kills it: the next question starts another."""
    helper.ask("usage", "/")
    child = helper._idle[0]._process
    child.kill()
    child.wait()
    assert helper.ask("usage", "/")


def test_the_hanging_are_few(helper: Helper) -> None:
    """Not more than 16 children hang: then nothing more that may hang is asked."""
    for number in range(16):
        _stop_the_child(helper)
        with pytest.raises(Unavailable, match="did not answer"):
            helper.ask("usage", "/", 0.05, about=f"/mnt/{number}")
    with pytest.raises(Unavailable, match="16 helpers hang already"):
        helper.ask("usage", "/", about="/mnt/16")


def test_root_in_a_sandbox_counts_what_nothing_covers(tmp_path: Path) -> None:
    """Without the right to a bare copy of a mount the walk leaves out what others cover, and says that it did not see all."""
    for name in ("own", "own/covered"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x" * 50_000)
    top = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    whole = helper_child._Walk(1000, time.monotonic() + 5, tmp_path.stat().st_dev)
    part = helper_child._Walk(1000, time.monotonic() + 5, tmp_path.stat().st_dev, ["own/covered"])
    other = helper_child._Walk(1000, time.monotonic() + 5, tmp_path.stat().st_dev + 1)
    try:
        assert whole.measure(top, "own")[1] == 4
        assert part.measure(top, "own")[1] == 2
        assert other.measure(top, "own") == (0, 0)
    finally:
        os.close(top)
    assert [walk.elsewhere for walk in (whole, part, other)] == [False, True, True]
