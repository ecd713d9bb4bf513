"""Who takes the room of a file system: what processes hold without a name, and what they write without an end."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.host.open_files import OpenFile
from orchestrator.host.processes import Process
from orchestrator.host.view import View

SHARE = 0.05
"""Of the whole file system: what takes less is not what filled it."""
_GROWING_SECONDS = 0.5
_AT_THE_CEILING = 0.25
"""A file that stopped growing because there is no room left takes at least so much."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, and the files in question that it has open."""

    process: Process
    files: tuple[OpenFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def unit(self) -> str:
        """The service that it belongs to; empty for a session's, or nobody's."""
        return self.process.unit if self.process.unit.endswith(".service") else ""

    @property
    def log_like(self) -> bool:
        """It only ever writes them: nothing that it would have to read again."""
        return all(file.writes and not file.reads for file in self.files)

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(file.path for file in self.files[:3]))
        return f"{self.process.comm} (pid {self.process.pid}, {self.process.unit or 'no unit'}): {names}, {self.size / 1e6:.0f} MB"


def big_files(view: View, point: str) -> tuple[OpenFile, ...]:
    """The open files that take a share worth speaking of, and that are deleted, or only ever written to."""
    least = SHARE * view.mounts.usage(point).total
    return tuple(file for file in view.open_files.on(point) if file.size >= least and (file.deleted or (file.writes and not file.reads)))


def held(view: View, point: str) -> tuple[Holder, ...]:
    """Who holds deleted files there that together take a share worth speaking of, the most first."""
    least = SHARE * view.mounts.usage(point).total
    deleted = (file for file in view.open_files.on(point) if file.deleted)
    return tuple(holder for holder in _holders(view, deleted) if holder.size >= least)


def writers(view: View, point: str) -> tuple[Holder, ...]:
    """Whose log grows now, or grew until there was no room left: the fastest, then the largest first. Takes half a second."""
    before = {(file.device, file.inode): file.size for file in view.open_files.on(point)}
    time.sleep(_GROWING_SECONDS)
    used = view.mounts.usage(point).used
    grown: dict[tuple[int, int], int] = {}
    logs = []
    for file in view.open_files.on(point):
        grown[file.device, file.inode] = file.size - before.get((file.device, file.inode), 0)
        ceiling = file.size >= _AT_THE_CEILING * used
        if file.writes and not file.reads and not file.deleted and (ceiling or _grows_fast(grown[file.device, file.inode], used)):
            logs.append(file)
    found = _holders(view, logs)
    return tuple(sorted(found, key=lambda one: (-max(grown[file.device, file.inode] for file in one.files), -one.size)))


def _grows_fast(grown: int, used: int) -> bool:
    """By a thousandth of all that is there, in so short a time."""
    return grown > 0 and grown >= used / 1000


def _holders(view: View, files: Iterable[OpenFile]) -> tuple[Holder, ...]:
    """By unit, or by process where there is none; a file that several processes of one unit hold is told once."""
    by_owner: dict[str, tuple[Process, dict[tuple[int, int], OpenFile]]] = {}
    for file in files:
        process = view.processes.get(file.pid)
        if process is None:
            continue
        owner = process.unit if process.unit.endswith(".service") else str(process.pid)
        by_owner.setdefault(owner, (process, {}))[1].setdefault((file.device, file.inode), file)
    found = (Holder(process, tuple(sorted(own.values(), key=lambda file: -file.size))) for process, own in by_owner.values())
    return tuple(sorted(found, key=lambda holder: -holder.size))
