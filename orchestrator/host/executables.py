"""Which program each process runs. The kernel tells that of other people's processes only to who may trace them."""

import os
import threading
import time
from collections.abc import Iterable, Iterator

from orchestrator.host.rights import Rights
from orchestrator.host.tracing import link

_MOMENT_SECONDS = 1.0
"""So long the answer about all processes is used again: a sweep asks once."""
_SLACK_SECONDS = 0.1
"""Start times are exact to a tick."""
_DELETED = " (deleted)"


class Executables:
    """By /proc/PID/exe. Thread-safe."""

    def __init__(self, rights: Rights, proc: str) -> None:
        self._rights = rights
        self._proc = proc
        self._lock = threading.Lock()
        self._told: dict[int, str] = {}
        self._told_at = float("-inf")

    def of(self, pid: int) -> str:
        """As the kernel says it; empty for a kernel thread, and for what has just ended. Raises PermissionError."""
        return link(f"{self._proc}/{pid}/exe")

    def asked(self, pid: int, started_at: float) -> str:
        """The same, by whoever may look. Raises Unavailable."""
        return self._table(not_older=started_at + _SLACK_SECONDS).get(pid, "")

    def all(self, pids: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Each process that has a program: first those that may be seen. Raises Unavailable where nobody tells the rest."""
        closed = False
        for pid in pids:
            try:
                if exe := self.of(pid):
                    yield pid, exe
            except PermissionError:
                closed = True
        if closed:
            yield from self._table(not_older=0.0).items()

    def is_of_this_root(self, pid: int) -> bool:
        """Whether the program's path means here what it means to the process: in a container it is another file."""
        try:
            own = os.stat(f"{self._proc}/{pid}/exe")  # noqa: PTH116  # of the file itself, even a deleted one
            path = self.of(pid)
            if path.endswith(_DELETED):
                return os.stat(f"{self._proc}/{pid}/ns/mnt").st_ino == os.stat(f"{self._proc}/1/ns/mnt").st_ino  # noqa: PTH116
            here = os.stat(path)  # noqa: PTH116
        except PermissionError:
            return bool(os.geteuid() and self._rights.ask("is_of_this_root", pid=pid))
        except OSError:
            return False
        return (own.st_dev, own.st_ino) == (here.st_dev, here.st_ino)

    def _table(self, not_older: float) -> dict[int, str]:
        """An answer that is older than the process may be about another one that had its number before."""
        with self._lock:
            now = time.time()
            if not self._told_at <= now < self._told_at + _MOMENT_SECONDS or not_older > self._told_at:
                rows = self._rights.ask("programs")
                self._told, self._told_at = {int(pid): str(exe) for exe, pids in rows for pid in pids}, now
            return self._told


def grouped(named: Iterable[tuple[int, str]]) -> list[tuple[str, list[int]]]:
    """The other way round, for an answer to whoever asks: a name is told once, however many processes have it."""
    found: dict[str, list[int]] = {}
    for pid, name in named:
        found.setdefault(name, []).append(pid)
    return list(found.items())
