"""What goes on inside the processes of one unit: which sockets they hold and wait for, which code they run that lies on no disk any more.

The kernel tells it only to who may trace them. Numbers of sockets and names of files: never what they hold in memory.
"""

import platform
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.host.rights import Own, Rights
from orchestrator.host.tracing import names, passing, socket_of

_READS = {"x86_64": (0, 19, 45, 47), "aarch64": (63, 65, 207, 212)}
"""read, readv, recvfrom, recvmsg: the calls that wait for the other side, each with the descriptor first."""
_THREADS = 200
_PROCESSES = 64
_LOOKED_AT = 5000
"""Descriptors of one process."""
_MAPS_BYTES = 1 << 20
_DELETED = " (deleted)"
_NO_FILES = ("/memfd:", "/dev/zero", "/SYSV")


class Insides:
    """By unit, since that is what whoever else may look answers for. Raises Unavailable when there is nobody."""

    def __init__(self, rights: Rights | None = None, proc: Path = Path("/proc")) -> None:
        self._rights = rights or Own()
        self._proc = str(proc)

    def awaited_sockets(self, unit: str, pids: Iterable[int]) -> tuple[int, ...]:
        """The inode of the socket that each thread waits to read from; nothing for threads that do something else."""
        return self._or_asked("awaited_sockets", unit, lambda: [inode for pid in _some(pids) for inode in self._awaited(pid)])

    def sockets(self, unit: str, pids: Iterable[int]) -> tuple[int, ...]:
        """The inode behind each descriptor that is a socket, as often as there are descriptors."""
        return self._or_asked("held_sockets", unit, lambda: [inode for pid in _some(pids) for inode in self._sockets(pid)])

    def replaced_code(self, unit: str, pid: int) -> str:
        """A library in the memory of its main process that no directory has any more: an upgrade replaced it. Empty for none."""
        return next(iter(self._or_asked("replaced_code", unit, lambda: self._replaced(pid))), "")

    def _or_asked(self, question: str, unit: str, look: Callable[[], Iterable[Any]]) -> tuple[Any, ...]:
        try:
            return tuple(look())
        except PermissionError:
            return tuple(self._rights.ask(question, unit=unit))

    def _awaited(self, pid: int) -> Iterator[int]:
        reads = _READS.get(platform.machine(), ())
        for thread in names(f"{self._proc}/{pid}/task")[:_THREADS]:
            with passing():
                call, descriptor = Path(f"{self._proc}/{pid}/task/{thread}/syscall").read_text("ascii").split()[:2]
                if call.isdigit() and int(call) in reads and (inode := socket_of(f"{self._proc}/{pid}/fd/{int(descriptor, 16)}")):
                    yield inode

    def _sockets(self, pid: int) -> Iterator[int]:
        directory = f"{self._proc}/{pid}/fd"
        found = (socket_of(f"{directory}/{name}") for name in names(directory)[:_LOOKED_AT])
        return (inode for inode in found if inode)

    def _replaced(self, pid: int) -> Iterator[str]:
        with passing(), Path(f"{self._proc}/{pid}/maps").open(encoding="utf-8", errors="replace") as maps:
            for line in maps.read(_MAPS_BYTES).splitlines():
                row = line.split(maxsplit=5)  # proc(5)
                if len(row) == 6 and "x" in row[1] and _is_replaced(row[5]):
                    yield row[5].removesuffix(_DELETED)


def _some(pids: Iterable[int]) -> tuple[int, ...]:
    return tuple(pids)[:_PROCESSES]


def _is_replaced(name: str) -> bool:
    return name.startswith("/") and name.endswith(_DELETED) and not name.startswith(_NO_FILES)
