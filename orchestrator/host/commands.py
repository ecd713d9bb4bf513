"""Runs a program to its end or to its deadline: for probes and for reads. Nothing here is meant to change the host."""

import contextlib
import os
import pwd
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

OUTPUT_BYTES = 20_000
LEFT_OUT = "..."
"""The line that stands for the middle of an output that is too long."""
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
}
_READ_BYTES = 1 << 16
_PIPE_READS = 32  # a pipe holds at most 1 MiB by default: half of that is drained after the end
_REAP_SECONDS = 1.0
"""How long a killed program may take to be gone. One in state D never is: it is left behind."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    exit: int | None
    """The exit status; -n when signal n killed it; None when it could not be started or ran out of time."""
    output: str
    """stdout and stderr together, bounded: the beginning and the end. Why it could not be started, when it was not."""
    timed_out: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.exit == 0


def run(argv: Sequence[str], *, timeout: float, user: str | None = None, cap: int = OUTPUT_BYTES, given: bytes = b"") -> CommandResult:
    """Run argv in a session of its own, with `given` as its input, in a clean environment; at the deadline the whole group is killed.

    Never raises for what the program does, or for a program or user that does not exist.
    """
    began = time.monotonic()
    try:
        child, pipe = _start(argv, user, given)
    except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
        return CommandResult(exit=None, output=f"{argv[0]} could not be started: {error}"[:cap], seconds=time.monotonic() - began)
    output = _Bounded(cap)
    with pipe:
        finished = _read_until_end(child.pid, pipe.fileno(), output, began + timeout)
    _end(child)
    return CommandResult(
        exit=child.returncode if finished else None, output=output.text(), timed_out=not finished, seconds=time.monotonic() - began
    )


def _start(argv: Sequence[str], user: str | None, given: bytes) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    account = pwd.getpwnam(user) if user else None
    other = account is not None and account.pw_uid != os.geteuid()
    with _input(given) as standard_input:
        child = subprocess.Popen(
            list(argv),
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_ENVIRONMENT | ({"HOME": account.pw_dir, "USER": account.pw_name} if account else {}),
            start_new_session=True,
            user=account.pw_uid if account and other else None,
            group=account.pw_gid if account and other else None,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if account and other else None,
        )
    if child.stdout is None:
        raise RuntimeError("a pipe was asked for")
    return child, child.stdout


@contextlib.contextmanager
def _input(given: bytes) -> Iterator[int]:
    """What a program reads: a file in memory, which no program can leave half read and make us wait."""
    if not given:
        yield subprocess.DEVNULL
        return
    descriptor = os.memfd_create("input")
    try:
        os.write(descriptor, given)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_until_end(pid: int, pipe: int, output: "_Bounded", deadline: float) -> bool:
    """Read what it says until it ends; False at the deadline. What it left running may hold the pipe: that is not waited for."""
    os.set_blocking(pipe, False)
    ended = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(pipe, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = {key.fd for key, _ in selector.select(left)}
                if pipe in ready and not output.take(pipe):
                    selector.unregister(pipe)
                if ended in ready:
                    output.drain(pipe)
                    return True
    finally:
        os.close(ended)
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the whole group while its leader is not yet reaped, so that the number cannot mean another group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_REAP_SECONDS)


class _Bounded:
    """Keeps the first and the last half of what it takes."""

    def __init__(self, cap: int) -> None:
        self._half = cap // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._cut = False

    def take(self, pipe: int) -> bool:
        """Read once; False at the end of the pipe."""
        try:
            data = os.read(pipe, _READ_BYTES)
        except BlockingIOError:
            return True
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > self._half:
            del self._tail[: -self._half]
            self._cut = True
        return bool(data)

    def drain(self, pipe: int) -> None:
        """What is in the pipe now, and no more than a pipe holds."""
        for _ in range(_PIPE_READS):
            if not select.select([pipe], [], [], 0)[0] or not self.take(pipe):
                return

    def text(self) -> str:
        middle = f"\n{LEFT_OUT}\n".encode() if self._cut else b""
        return bytes(self._head + middle + self._tail).decode(errors="replace")
