"""Asks what can hang in a child that can be left behind: a process in state D cannot be killed, nor can the daemon be then."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from orchestrator.host.errors import Ended, Late, Unavailable

ASK_SECONDS = 3.0
_CHILD = str(Path(__file__).with_name("helper_child.py"))
_IDLE_CHILDREN = 2
_HANGING = 16
_DEATH_SECONDS = 0.2
_ANSWER_BYTES = 64 << 20


class _Silence(Exception):  # no error of ours
    pass


class _Gone(Exception):  # it ended by itself when idle
    pass


class Helper:
    """Children that answer one question at a time and end by themselves when idle.

    One that is late is kept aside, under the name of what it waits for: while it hangs nobody else is sent there, and its
    late answer is the news that the thing is back. It is not killed: a killed one would tell nothing.
    """

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._hanging: dict[str, _Child] = {}
        self._lock = threading.Lock()

    def ask(self, question: str, path: str, timeout: float = ASK_SECONDS, *, about: str = "", **more: Any) -> Any:
        """The child's answer. `about` names what may hang (a mount point), the path where nothing is said.

        Raises Late when it does not come in time, or at once while an earlier question about the same thing hangs; OSError as
        the child met it; Unavailable when no child can be had.
        """
        about = about or path
        if about in self.hanging():
            raise Late(f"{about} hangs: an earlier question has no answer yet")
        request = {"question": question, "path": path, "more": more}
        while True:
            child, fresh = self._borrow()
            try:
                answer = child.ask(request, timeout)
            except _Silence:
                self._set_aside(about, child)
                raise Late(f"{about} did not answer in {timeout:g} s") from None
            except _Gone:
                child.close()
                if fresh:
                    raise Ended("the helper ended without an answer") from None
                continue
            self._give_back(child)
            if "errno" in answer:
                raise OSError(answer["errno"], answer["error"], path)
            return answer["answer"]

    def hanging(self) -> tuple[str, ...]:
        """What did not answer, and has not answered since."""
        with self._lock:
            for about, child in list(self._hanging.items()):
                if child.has_come_back():
                    del self._hanging[about]
                    child.close()
            return tuple(self._hanging)

    def close(self) -> None:
        with self._lock:
            for child in (*self._idle, *self._hanging.values()):
                child.close()
            self._idle.clear()
            self._hanging.clear()

    def _borrow(self) -> tuple["_Child", bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
            if len(self._hanging) >= _HANGING:
                raise Unavailable(f"{_HANGING} helpers hang already: {', '.join(sorted(self._hanging))}"[:500])
        return _Child(), True

    def _give_back(self, child: "_Child") -> None:
        with self._lock:
            if len(self._idle) < _IDLE_CHILDREN:
                self._idle.append(child)
                return
        child.close()

    def _set_aside(self, about: str, child: "_Child") -> None:
        """Two threads may have asked at the same time: one sentinel is enough."""
        with self._lock:
            if about not in self._hanging:
                self._hanging[about] = child
                return
        child.close()


class _Child:
    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"no helper could be started: {error.strerror}") from None
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("two pipes were asked for")
        self._in, self._out = self._process.stdin, self._process.stdout

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        try:
            self._in.write(json.dumps(request).encode() + b"\n")
            self._in.flush()
        except OSError:
            raise _Gone from None
        received = bytearray()
        while not received.endswith(b"\n") and len(received) <= _ANSWER_BYTES:
            if not select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise _Silence
            data = os.read(self._out.fileno(), 1 << 20)
            if not data:
                raise _Gone
            received += data
        answer: dict[str, Any] = json.loads(received)
        return answer

    def has_come_back(self) -> bool:
        """It answered (nobody waits for that any more), or ended."""
        return bool(select.select([self._out], [], [], 0)[0])

    def close(self) -> None:
        """Hardly waiting: one in state D cannot die, and is left behind."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DEATH_SECONDS)
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):  # a question that could not be flushed
                pipe.close()
