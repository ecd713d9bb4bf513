"""Socket files that were removed under the program that listens on them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Unit, UnitLine, View, doors
from orchestrator.host.processes import Process

LISTENS = "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True); time.sleep(60)"


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Another process listens there, since a while."""
    path = tmp_path / "main.sock"
    with subprocess.Popen([sys.executable, "-c", LISTENS, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        yield path
        other.kill()


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    """Here every socket is mill.service's, and what was made now is old enough."""
    view = View(tmp_path)

    def owners(inodes: list[int]) -> dict[int, Process]:
        return {inode: Process(pid=7, ppid=1, comm="mill", state="S", started_at=1.0, uid=0, unit="mill.service") for inode in inodes}

    monkeypatch.setattr(view.sockets, "owners", owners)
    monkeypatch.setattr(view.units, "get", lambda name: Unit(name=name, load_state="loaded", active_state="active"))
    monkeypatch.setattr(view.units, "list", lambda: (UnitLine("mill.socket", "loaded", "active", "listening"),))
    monkeypatch.setattr(doors, "_LASTING_SECONDS", -1.0)
    yield view
    view.close()


def test_a_file_that_was_there_is_missed(view: View, path: Path) -> None:
    """Seen once, then removed: its listener cannot be reached, and is told with the file."""
    assert doors.gone(view, {"mill.service"}) == {}
    path.unlink()
    assert doors.gone(view, {"mill.service"}) == {"mill.service": str(path)}
    assert doors.gone(view, {"other.service"}) == {}


def test_a_file_that_was_never_seen_there_is_not(view: View, path: Path) -> None:
    """It may lie in the private /tmp of its service, or was taken away by the program itself."""
    path.unlink()
    assert doors.gone(view, {"mill.service"}) == {}


def test_a_moments_name_is_not(view: View, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may bind its socket under another name first, and rename it: the kernel keeps the first one."""
    monkeypatch.setattr(doors, "_LASTING_SECONDS", 5.0)
    assert doors.gone(view, {"mill.service"}) == {}
    path.rename(path.with_name("final.sock"))
    assert doors.gone(view, {"mill.service"}) == {}


def test_a_new_listener_has_its_door(view: View, path: Path) -> None:
    """After a restart the file is there again."""
    doors.gone(view, {"mill.service"})
    path.unlink()
    with socket.socket(socket.AF_UNIX) as fresh:
        fresh.bind(str(path))
        fresh.listen()
        assert doors.gone(view, {"mill.service"}) == {}


def test_systemds_own_socket_is_the_socket_units(view: View, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PID 1 made the file itself: that it is gone needs no memory, and only the socket unit makes it again."""
    listens = Unit(name="mill.socket", load_state="loaded", active_state="active", listen=(str(path),))
    monkeypatch.setattr(view.units, "get", lambda name: listens if name == "mill.socket" else Unit(name=name, active_state="active"))
    assert doors.gone(view, {"mill.service", "mill.socket"}) == {}
    path.unlink()
    assert doors.gone(view, {"mill.service", "mill.socket"}) == {"mill.socket": str(path)}
