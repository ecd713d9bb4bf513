"""Moving a stale file aside: what proves it, for a service without a unit; with units: tests/lab/test_actions.py."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.actions.quarantine_file import QuarantineFile
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.machine import Machine
from tests.actions.conftest import case_of, settings

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "r+")
getattr(fcntl, sys.argv[2])(file, fcntl.LOCK_EX)
print(".", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    return directory


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return process.pid


def declared(run: Path) -> Config:
    return settings(service=[{"name": "shop", "files": [str(run)], "pid_file": str(run / "number"), "start": ["shopctl"]}])


def stale(run: Path, view: View) -> list[str]:
    """The names of what is offered."""
    return [Path(action.path).name for action in QuarantineFile.candidates(case_of("shop", run), view, declared(run))]


def test_a_pid_file_of_nobody_is_moved_and_comes_back(run: Path, view: View, machine: Machine, gone: int) -> None:
    """No process has the number: the file goes out of the way, and undo brings the very same file back."""
    path = run / "shop.pid"
    path.write_text(f"{gone}\n")
    inode = path.lstat().st_ino
    (action,) = QuarantineFile.candidates(case_of("shop", run), view, declared(run))
    before = action.remember(view)
    action.do(machine)
    assert (path.exists(), action.verify(view)) == (False, "")
    action.undo(machine, before)
    assert (path.lstat().st_ino, path.read_text()) == (inode, f"{gone}\n")


def test_the_pid_file_of_a_living_process_stays(run: Path, view: View) -> None:
    """A daemon that somebody started by hand has a good pid file, wherever it lives."""
    with subprocess.Popen(["sleep", "60"]) as daemon:
        (run / "shop.pid").write_text(str(daemon.pid))
        assert stale(run, view) == []
        daemon.kill()
        daemon.wait()
    assert stale(run, view) == ["shop.pid"]


def test_a_pid_that_was_given_again_is_a_strangers(run: Path, view: View) -> None:
    """A process that began after the file was written did not write it."""
    with subprocess.Popen(["sleep", "60"]) as stranger:
        path = run / "shop.pid"
        path.write_text(str(stranger.pid))
        os.utime(path, (time.time() - 3600,) * 2)
        assert stale(run, view) == ["shop.pid"]
        stranger.kill()


def test_a_declared_pid_file_may_have_any_name(run: Path, view: View, gone: int) -> None:
    """The operator's word counts more than a suffix; garbage in it proves nothing, emptiness does."""
    path = run / "number"
    path.write_text(str(gone))
    assert stale(run, view) == ["number"]
    path.write_text("not a number")
    assert stale(run, view) == []
    path.write_text("")
    assert stale(run, view) == ["number"]


def test_a_lock_that_is_held_stays(run: Path, view: View) -> None:
    """By flock or by fcntl, the real lock counts and not the file; without one the file is left over."""
    path = run / "shop.lock"
    path.write_text("")
    assert stale(run, view) == ["shop.lock"]
    for how in ("flock", "lockf"):
        with subprocess.Popen([sys.executable, "-c", HOLD, str(path), how], stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            holder.stdout.read(1)
            assert stale(run, view) == [], how
            holder.kill()
    assert stale(run, view) == ["shop.lock"]


def test_a_lock_directory_of_nobody_is_moved_and_comes_back(run: Path, view: View, machine: Machine) -> None:
    """A shell script's lock by mkdir(1): while the process that it names lives it stays, then it goes with what is in it.

    One that names nobody stays where no unit tells which program could have made it.
    """
    path = run / "shop.lock"
    path.mkdir()
    with subprocess.Popen(["sleep", "60"]) as script:
        (path / "pid").write_text(f"{script.pid}\n")
        assert stale(run, view) == []
        script.kill()
        script.wait()
    (action,) = QuarantineFile.candidates(case_of("shop", run), view, declared(run))
    before = action.remember(view)
    action.do(machine)
    assert (path.exists(), action.verify(view)) == (False, "")
    action.undo(machine, before)
    assert (path / "pid").read_text() == f"{script.pid}\n"
    (path / "pid").unlink()
    assert stale(run, view) == []


def test_a_socket_somebody_listens_on_stays(run: Path, view: View) -> None:
    """A connection that is refused is the proof; a full queue or another type of socket is none."""
    path = str(run / "shop.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert stale(run, view) == []
    assert stale(run, view) == ["shop.sock"]
    Path(path).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        assert stale(run, view) == []
    assert stale(run, view) == ["shop.sock"]


def test_data_and_links_are_never_taken(run: Path, view: View, gone: int) -> None:
    """Not a database, not a log, not a link to a pid file, not a directory with more than a number in it, not a large file."""
    (run / "shop.db").write_text(str(gone))
    (run / "shop.log").write_text(str(gone))
    (run / "elsewhere").write_text(str(gone))
    (run / "shop.pid").symlink_to(run / "elsewhere")
    for name, inner in (("two.lock", ("pid", "data")), ("notes.lock", ("notes",)), ("directory", ())):
        (run / name).mkdir()
        for entry in inner:
            (run / name / entry).write_text(f"{gone}\n" if entry == "pid" else "words")
    (run / "deep.lock" / "deeper").mkdir(parents=True)
    (run / "big.lock").write_text("x" * 5000)
    assert stale(run, view) == []


def test_it_is_proved_again_at_the_moment(run: Path, view: View, gone: int) -> None:
    """A file that was replaced since it was chosen, or that is not the service's, is refused."""
    path = run / "shop.pid"
    path.write_text(str(gone))
    (action,) = QuarantineFile.candidates(case_of("shop", run), view, declared(run))
    assert action.refusal(view, declared(run)) == ""
    (run / "new").write_text(str(os.getpid()))
    (run / "new").rename(path)
    assert "not the same file" in action.refusal(view, declared(run))
    foreign = action.model_copy(update={"path": "/run/utmp.lock"})
    assert "does not belong" in foreign.refusal(view, declared(run))


def test_a_name_that_is_written_to_deceive_hides_no_other(run: Path, view: View, gone: int) -> None:
    """Whoever may write in the directory can call a file what he likes: it is no candidate, and the honest ones still are."""
    for name in ("shop.pid", "evil\nroot.pid", "evil\x1b[2J.pid", "\u202edip.pid"):
        (run / name).write_text(f"{gone}\n")
    assert stale(run, view) == ["shop.pid"]
