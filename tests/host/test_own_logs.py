"""A server's own log: which lines are of the run in question is told by the time that each line begins with."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Line, Mounts, Unit
from orchestrator.host.helper import Helper
from orchestrator.host.last_words import last_words
from orchestrator.host.own_logs import own_lines
from orchestrator.host.stops import STARTING

NOW = 1_800_000_000.0  # Fri 15 Jan 2027 08:00:00 UTC


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    helper = Helper()
    opened = Mounts(helper)
    yield opened
    opened.close()
    helper.close()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Most logs tell the time of the host's own zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "begins",
    [
        "2027-01-15 08:00:00.000 UTC [7] FATAL: ",
        "2027-01-15 10:00:00+02:00 host x: ",
        "2027/01/15 08:00:00 [emerg] 7#7: ",
        "7:M 15 Jan 2027 08:00:00.000 # ",
        "[Fri Jan 15 08:00:00.000000 2027] [core:error] ",
        "[15-Jan-2027 08:00:00] ERROR: ",
        "1800000000: Error: ",
    ],
)
def test_a_line_is_of_the_time_that_it_tells(begins: str, mounts: Mounts, tmp_path: Path) -> None:
    """Each of the usual ways; and what goes on in the next line is of the same time."""
    (tmp_path / "log").write_text(f"lost in time\n{begins}broken\n  at line 7\n")
    found = own_lines(mounts, [str(tmp_path / "log")], "shop.service", NOW)
    assert [(line.at, line.message, line.unit) for line in found] == [
        (NOW, f"{begins}broken", "shop.service"),
        (NOW, "  at line 7", "shop.service"),
    ]


def test_only_the_failing_run_is_heard(mounts: Mounts, tmp_path: Path) -> None:
    """What clients had it log in the run before, however alarming, tells nothing of why it does not start."""
    (tmp_path / "log").write_text(
        '2027/01/15 07:00:00 [error] 5#5: *1 password authentication failed for user root, request: "GET /"\n'
        "2027/01/15 08:00:00 [emerg] 7#7: open() failed\n"
    )  # fmt: skip
    began = Line(at=NOW - 0.5, message="Starting", unit="shop.service", trusted=True, pid=1,
                 fields={"MESSAGE_ID": STARTING, "INVOCATION_ID": "b"})  # fmt: skip
    lines = sorted((began, *own_lines(mounts, [str(tmp_path / "log")], "shop.service", NOW)), key=lambda line: line.at)
    heard = last_words(lines, Unit(name="shop.service", active_state="failed"))
    assert [line.message for line in heard if not line.trusted] == ["2027/01/15 08:00:00 [emerg] 7#7: open() failed"]


def test_a_log_cannot_deceive_or_drown(mounts: Mounts, tmp_path: Path) -> None:
    """Control characters go, a time to come is no time, a link out of the directory is not followed, and the end alone is read."""
    log = tmp_path / "log"
    junk = "99-99-99 junk\n9999-99-99 99:99:99 junk\n"
    log.write_text("x" * 200_000 + "\n2028-01-15 08:00:00 tomorrow\n2027-01-15 08:00:00 \x1b[31mred\x1b[0m\n" + junk)
    found = [line.message for line in own_lines(mounts, [str(log), str(tmp_path / "none")], "shop.service", NOW)]
    assert found[0] == "2027-01-15 08:00:00 red"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").symlink_to(log)
    assert own_lines(mounts, [str(tmp_path / "deep" / "log")], "shop.service", NOW) == ()
