"""`orchestrator hands serve`, as systemd runs it: when it is ready, when it must not run, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.hands.client import RemoteHands

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the hands trust a configuration of root's alone")


class Program:
    """The hands as a child, over a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.gate = directory / "gate"
        self.command = {"name": "slow", "service": "shop", "argv": ["/bin/sh", "-c", f"mkfifo {self.gate}; read word <{self.gate}"]}
        self.config = directory / "config.toml"
        self.config.write_text(
            f"""[daemon]
state_dir = "{directory}/state"
[hands]
socket = "{directory}/hands.sock"
[[service]]
name = "shop"
files = ["{directory}"]
[[command]]
name = "slow"
service = "shop"
argv = {self.command["argv"]}
about = "takes its time"
risk = "low"
timeout_seconds = 60
"""
        )
        self.hands = RemoteHands(directory / "hands.sock")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(f"\0hands-{os.getpid()}")
        self._notify.settimeout(30)
        self.children: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        said = [sys.executable, "-m", "orchestrator", "hands", "serve", "--config", str(self.config)]
        environment = {**os.environ, "NOTIFY_SOCKET": f"@hands-{os.getpid()}", "WATCHDOG_USEC": "300000"}
        child = subprocess.Popen(said, env=environment, stderr=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def heard(self, word: bytes) -> None:
        """Wait until the youngest child says so."""
        while word not in self._notify.recv(4096):
            assert self.children[-1].poll() is None

    def close(self) -> None:
        for child in self.children:
            child.kill()
            child.communicate()
        self._notify.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    program.close()


def test_it_is_ready_and_lives(program: Program) -> None:
    """It tells systemd when somebody may speak, and that its loop still turns; then it answers."""
    program.start()
    program.heard(b"READY=1")
    assert program.hands.account(0)["changes"] == []
    for _ in range(3):
        program.heard(b"WATCHDOG=1")


def test_another_that_serves_is_left_alone(program: Program) -> None:
    """Try again later (75): the first goes on."""
    program.start()
    program.heard(b"READY=1")
    second = program.start()
    _, told = second.communicate(timeout=60)
    assert (second.returncode, "other hands work in" in told) == (os.EX_TEMPFAIL, True), told
    assert program.hands.account(0)["changes"] == []


def test_a_configuration_of_somebody_elses_ends_it(program: Program) -> None:
    """78, with the file and the line that mends it; where it becomes so later, everything is refused until it is mended."""
    program.config.chmod(0o664)
    child = program.start()
    _, told = child.communicate(timeout=60)
    assert (child.returncode, told.strip().endswith(f"chmod go-w {program.config}")) == (os.EX_CONFIG, True), told
    program.config.chmod(0o644)
    program.start()
    program.heard(b"READY=1")
    program.config.chmod(0o664)
    assert f"chmod go-w {program.config}" in program.hands.account(0)["unavailable"]
    program.config.chmod(0o644)
    assert "changes" in program.hands.account(0)


def test_a_change_under_way_is_seen_through(program: Program) -> None:
    """SIGTERM ends it after that, and its answer still arrives; the next one knows what was done."""
    child = program.start()
    program.heard(b"READY=1")
    action = {"kind": "run_command", "risk": "low", "user": None, "timeout_seconds": 60.0, **program.command}
    done: list[Any] = []
    asking = threading.Thread(target=lambda: done.append(program.hands.perform(1, action)))
    asking.start()
    while not program.gate.exists():
        asking.join(0.02)
        assert asking.is_alive(), done
    child.send_signal(signal.SIGTERM)
    program.heard(b"STOPPING=1")
    assert child.poll() is None
    program.gate.write_text("go\n")
    asking.join(60)
    assert (done[0]["ok"], child.wait(60)) == (True, 0)
    program.start()
    program.heard(b"READY=1")
    assert [one["id"] for one in program.hands.account(0)["changes"]] == [1]
    assert "used before" in program.hands.perform(1, action)["detail"]
