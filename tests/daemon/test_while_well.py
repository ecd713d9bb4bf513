"""What is good is remembered while all is well, and nobody waits for that."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.daemon.loop import Daemon
from orchestrator.hands.frames import ANSWER_BYTES, REQUEST_BYTES, receive, send
from tests.store.made import an_incident


class Slow:
    """Hands that have no time: what they are to remember they leave unanswered, anything else they cannot tell."""

    def __init__(self, path: Path) -> None:
        self.asked = threading.Event()
        self.waiting: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(100)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            request = receive(connection, REQUEST_BYTES, 10)
            if request["verb"] == "stop":
                connection.close()
                return
            if request["verb"] == "remember":
                connection.settimeout(0)
                self.waiting.append(connection)
                self.asked.set()
                continue
            send(connection, {"error": "not now"}, ANSWER_BYTES, 10)
            connection.close()

    @property
    def still_wait(self) -> list[bool]:
        """For each that they owe an answer: whether it still waits for that."""
        return [_is_open(connection) for connection in self.waiting]

    def stop(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(path))
            send(connection, {"verb": "stop"}, REQUEST_BYTES, 10)
            self._thread.join(20)
        for connection in (*self.waiting, self._listener):
            connection.close()


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True


@pytest.fixture
def place() -> Iterator[Path]:
    """A path that is short enough for a socket."""
    with tempfile.TemporaryDirectory() as short:
        yield Path(short)


@pytest.fixture
def slow(place: Path) -> Iterator[Slow]:
    hands = Slow(place / "hands.sock")
    yield hands
    hands.stop(place / "hands.sock")


@pytest.fixture
def daemon(tmp_path: Path, place: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Alive, on a host with two services that are well, and one unit that is not; somebody listens to what it tells systemd."""
    del slow
    (beat := tmp_path / "beat").touch()
    services = [{"name": name, "probes": [{"file": str(beat), "max_age_seconds": 3600}]} for name in ("shop", "till")]
    tables = {
        "daemon": {"state_dir": str(tmp_path / "state"), "boot_grace_seconds": 0},
        "hands": {"socket": str(place / "hands.sock")},
        "mail": {"enabled": False},
        "service": services,
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(place / "notify"))
        daemon = Daemon(Config.model_validate(tables), None)
        an_incident(daemon.store)  # then what runs here is not asked of systemd, which a host of tests may not have
        daemon.start()
        yield daemon
        daemon.close()
        daemon._notify.socket.close()


def test_the_loop_does_not_wait_for_slow_hands(daemon: Daemon, slow: Slow) -> None:
    """They are asked to remember, and have not answered: the watchdog and the clicks have their turn all the same.

    And nothing else is asked of them before they did.
    """
    deadline = time.monotonic() + 30
    while not slow.asked.is_set() and time.monotonic() < deadline:
        daemon._wake.wait(0.1)
        daemon._wake.clear()
        daemon.tick()
    assert slow.still_wait == [True]
    for _ in range(3):
        daemon._ask_sweep()
        daemon.tick()
    assert slow.still_wait == [True]
