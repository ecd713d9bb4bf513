"""Who has what a unit that is down needs."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Service
from orchestrator.host import Unit, View
from orchestrator.host.rivals import Rival, rivals

DOWN = Unit(name="press.service", load_state="loaded", active_state="failed")
SAYS_SO = "; print(flush=True); time.sleep(60)"
LOCKS = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX)" + SAYS_SO
LET_GO = "import fcntl, os, sys, time; f = open(sys.argv[1], 'a'); os.fork() or (fcntl.flock(f, 2), os._exit(0)); os.wait()" + SAYS_SO


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path)
    yield view
    view.close()


def found(view: View, *, unit: Unit = DOWN, files: tuple[str, ...] = (), port: int | None = None) -> list[Rival]:
    return list(rivals(view, unit, Service(name="press", unit="press.service", files=files, port=port)))


@pytest.mark.parametrize("program", [LOCKS, LET_GO], ids=["it locked the file", "a child locked it for it, and is gone"])
def test_the_holder_of_a_lock_is_named(view: View, tmp_path: Path, program: str) -> None:
    """By the kernel's word; flock(1) in a script has ended when one looks, and the script has the file open still."""
    lock = tmp_path / "main.lock"
    with subprocess.Popen([sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout
            other.stdout.readline()
            (rival,) = found(view, files=(str(lock),))
            assert (rival.kind, rival.what, rival.process.pid) == ("lock", str(lock), other.pid)
        finally:
            other.kill()


def test_a_file_that_nobody_locks_is_nobodys(view: View, tmp_path: Path) -> None:
    """Open, and even called a lock: that keeps nobody from starting."""
    lock = tmp_path / "main.lock"
    with lock.open("w"):
        assert found(view, files=(str(lock),)) == []


def test_the_local_end_of_a_connection_is_in_the_way(view: View) -> None:
    """Nobody listens on the port; the kernel gave it to a connection, whose owner is named."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        (rival,) = found(view, port=client.getsockname()[1])
        assert (rival.kind, rival.process.pid) == ("connection", os.getpid())
        (rival,) = found(view, port=server.getsockname()[1])
        assert rival.kind == "port"


def test_what_runs_has_no_rivals(view: View, tmp_path: Path) -> None:
    """Its own lock is no obstacle."""
    running = Unit(name="press.service", load_state="loaded", active_state="active")
    with subprocess.Popen([sys.executable, "-c", LOCKS, str(tmp_path / "l")], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout
            other.stdout.readline()
            assert found(view, unit=running, files=(str(tmp_path / "l"),)) == []
        finally:
            other.kill()
