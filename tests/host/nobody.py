"""Looks at the host as an ordinary user: in a child that gave its rights away, with or without the hands' own table to ask.

The child is a fork, since an interpreter may lie where an ordinary user cannot reach it.
"""

import ctypes
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.hands import reads
from orchestrator.host import Unavailable, View
from orchestrator.host.rights import Own, Rights

NOBODY = 65534
_DUMPABLE = 4  # PR_SET_DUMPABLE: a process that changed its user is not, and one that was started as that user is
_SECONDS = 60
Look = Callable[[View], Any]


class Asked:
    """The other end of a socket answers, from its own table; every question is counted."""

    def __init__(self, connection: socket.socket) -> None:
        self._words = connection.makefile("rw", encoding="utf-8")
        self.asked: list[str] = []

    def ask(self, question: str, **about: Any) -> Any:
        self.asked.append(question)
        self._words.write(json.dumps({"question": question, "about": about}) + "\n")
        self._words.flush()
        said = json.loads(self._words.readline())
        if "unavailable" in said:
            raise Unavailable(said["unavailable"])
        return said["answer"]


def as_nobody(look: Look, state: Path, table: tuple[View, Config] | None = None, *, before: Callable[[], Any] = lambda: None) -> Any:
    """What an ordinary user sees; raises Unavailable as he does. `table`: the View and the configuration of hands that he may ask.

    `before`: what root does to the child's world first.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(_SECONDS)
    child = os.fork()
    if child == 0:
        _be_nobody(look, state, theirs, before, has_hands=table is not None)
    theirs.close()
    try:
        return _answered(ours, table)
    finally:
        ours.close()
        os.waitpid(child, 0)


def _answered(connection: socket.socket, table: tuple[View, Config] | None) -> Any:
    """Answers until the child has seen what it wanted."""
    with connection.makefile("rw", encoding="utf-8") as words:
        for line in words:
            said = json.loads(line)
            if "seen" in said:
                return said["seen"]
            if "blind" in said:
                raise Unavailable(said["blind"])
            if "failed" in said:
                raise AssertionError(said["failed"])
            assert table
            words.write(json.dumps(_told(said["question"], said["about"], *table)) + "\n")
            words.flush()
    raise AssertionError("the child ended without a word")


def _told(question: str, about: dict[str, Any], view: View, config: Config) -> Any:
    try:
        return {"answer": reads.answer(question, about, view, config)}
    except Unavailable as trouble:
        return {"unavailable": str(trouble)}


def _be_nobody(look: Look, state: Path, connection: socket.socket, before: Callable[[], Any], *, has_hands: bool) -> None:
    said: dict[str, Any] = {"failed": "nothing was looked at"}
    try:
        before()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        ctypes.CDLL(None).prctl(_DUMPABLE, 1, 0, 0, 0)
        rights: Rights = Asked(connection) if has_hands else Own()
        said = {"seen": look(View(state, rights))}
    except Unavailable as trouble:
        said = {"blind": str(trouble)}
    except BaseException as error:  # noqa: BLE001  # all of it is the answer
        said = {"failed": f"{type(error).__name__}: {error}"}
    finally:
        with suppress(OSError):
            connection.sendall(json.dumps(said).encode() + b"\n")
        os._exit(0)
