"""Hands behind a real socket, and somebody of another uid who talks to them."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orchestrator.hands.frames import ANSWER_BYTES, receive
from orchestrator.hands.hands import Hands
from orchestrator.hands.peers import Peers
from orchestrator.hands.server import Server, bound

NOBODY, GAMES, DAEMON, BIN = 65534, 5, 1, 2
PEERS = Peers(brain="nobody", web="games", group="daemon")
"""Users that every host has, in the places of the installation's own."""


@contextmanager
def served(hands: Hands, directory: Path, peers: Peers = PEERS) -> Iterator[Path]:
    """The path of a socket that everybody can reach, with these hands behind it."""
    directory.chmod(0o755)
    path = directory / "hands.sock"
    listener = bound(path, 0o666)
    server = Server(hands, listener, peers)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield path
    finally:
        server.stop()
        thread.join()
        listener.close()


def say(path: Path, line: bytes, uid: int) -> Any:
    """One line, said by this uid; the answer, or why there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, json.dumps(_said(path, line, uid)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        told = answers.read()
    os.waitpid(child, 0)
    return json.loads(told)


def _said(path: Path, line: bytes, uid: int) -> Any:
    os.chdir(path.parent)  # from here on no directory above has to let it through
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path.name)
            with suppress(BrokenPipeError):  # it has answered already, and hears no more
                connection.sendall(line)
            return receive(connection, ANSWER_BYTES, 30)
    except Exception as error:  # noqa: BLE001  # all of it is the answer
        return f"{type(error).__name__}: {error}"
