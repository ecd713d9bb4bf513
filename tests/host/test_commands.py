"""Programs are run to their end or to their deadline, never longer, and never leave anything behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from orchestrator.host import run


def test_the_output_and_the_status_come_back() -> None:
    """What a program says on both its outputs is kept, with its exit status."""
    result = run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], timeout=5)
    assert (result.exit, result.output.split(), result.timed_out, result.ok) == (3, ["out", "err"], False, False)


def test_a_killed_program_has_a_negative_status() -> None:
    """A program that a signal ended is told by minus its number."""
    assert run(["/bin/sh", "-c", "kill -9 $$"], timeout=5).exit == -9


def test_the_whole_group_ends_at_the_deadline(tmp_path: Path) -> None:
    """At the deadline the children of the program are killed too."""
    pid_file = tmp_path / "pid"
    result = run(["/bin/sh", "-c", f"sleep 60 & echo $! >{pid_file}; wait"], timeout=0.5)
    assert (result.exit, result.timed_out) == (None, True)
    assert result.seconds < 2
    assert _is_gone(int(pid_file.read_text()))


def test_who_holds_the_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A program that ended is done, although what it left in the background holds its output open; that is killed."""
    pid_file = tmp_path / "pid"
    result = run(["/bin/sh", "-c", f"sleep 60 & echo $! >{pid_file}; echo done"], timeout=10)
    assert (result.exit, result.output) == (0, "done\n")
    assert result.seconds < 5
    assert _is_gone(int(pid_file.read_text()))


def test_a_flood_is_cut_in_the_middle() -> None:
    """Of an output without end the beginning and the end are kept."""
    result = run(["/bin/sh", "-c", "echo first; yes x | head -c 5000000; echo last"], timeout=20)
    assert result.output.startswith("first\nx\n")
    assert result.output.endswith("\nlast\n")
    assert "\n...\n" in result.output
    assert len(result.output) <= 20_010


@pytest.mark.parametrize("argv", [["/no/such/program"], ["/etc/passwd"]])
def test_what_cannot_be_started_is_said(argv: list[str]) -> None:
    """A program that is missing or none is an answer, not an exception."""
    result = run(argv, timeout=5)
    assert result.exit is None
    assert "could not be started" in result.output


def test_an_unknown_user_is_said() -> None:
    """So is a user that does not exist."""
    assert "could not be started" in run(["/bin/true"], timeout=5, user="no-such-user").output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as somebody else")
def test_another_user_runs_it() -> None:
    """A program runs with the user's own ids and groups, and none of ours."""
    assert run(["/usr/bin/id", "-nu"], timeout=5, user="nobody").output == "nobody\n"
    assert "root" not in run(["/usr/bin/id", "-nG"], timeout=5, user="nobody").output


def test_nothing_of_ours_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither our environment nor our terminal nor our directory reach the program."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    program = "import os, sys; print(sorted(os.environ), sys.stdin.read() == '', os.getcwd(), os.getsid(0) == os.getpid())"
    output = run([sys.executable, "-c", program], timeout=10).output
    assert "SECRET_TOKEN" not in output
    assert output.endswith("True / True\n")


def _is_gone(pid: int) -> bool:
    """Killed and, but for its parent's word, gone."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False
