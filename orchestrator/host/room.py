"""Who takes the room of a file system: what processes hold without a name, and what they write without an end."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.host.errors import Unavailable
from orchestrator.host.mounts import Usage
from orchestrator.host.open_files import OpenFile
from orchestrator.host.processes import Process
from orchestrator.host.view import View

SHARE = 0.05
"""Of the whole file system: what takes less is not what filled it."""
_GROWING_SECONDS = 0.5
_GROWN = 1000
"""A file grows fast by such a part of all that is there."""
_AT_THE_CEILING = 0.25
"""A file that stopped growing because there is no room left takes at least so much."""
_REMEMBERED_SECONDS = 900.0


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
    """The open files that take a share worth speaking of, and that are deleted, or only ever written to: those that may be seen."""
    least = SHARE * view.mounts.usage(point).total
    files, _ = view.open_files.on(point)
    return tuple(file for file in files if file.size >= least and (file.deleted or (file.writes and not file.reads)))


def held(view: View, point: str) -> tuple[Holder, ...]:
    """Who holds deleted files there that together take a share worth speaking of, the most first. Raises Unavailable."""
    least = SHARE * view.mounts.usage(point).total
    files, complete = view.open_files.on(point)
    found = tuple(holder for holder in _holders(view, (file for file in files if file.deleted)) if holder.size >= least)
    return found or _none(point, complete=complete)


def writers(view: View, point: str) -> tuple[Holder, ...]:
    """Whose log grows now, or grew until there was no room left: the fastest, then the largest first. Takes half a second.

    Raises Unavailable.
    """
    before = {(file.device, file.inode): file.size for file in view.open_files.on(point)[0]}
    time.sleep(_GROWING_SECONDS)
    used = view.mounts.usage(point).used
    grown: dict[tuple[int, int], int] = {}
    logs = []
    files, complete = view.open_files.on(point)
    for file in files:
        grown[file.device, file.inode] = file.size - before.get((file.device, file.inode), 0)
        ceiling = file.size >= _AT_THE_CEILING * used
        if file.writes and not file.reads and not file.deleted and (ceiling or _grows_fast(grown[file.device, file.inode], used)):
            logs.append(file)
    found = _holders(view, logs)
    return tuple(sorted(found, key=lambda one: (-max(grown[file.device, file.inode] for file in one.files), -one.size))) or _none(
        point, complete=complete
    )


def share(usage: Usage) -> float:
    """What a file takes at least, in bytes, that could be among these: one that grows by so much is told already."""
    return min(SHARE * usage.total, usage.used / _GROWN)


def _none(point: str, *, complete: bool) -> tuple[Holder, ...]:
    """What was seen is true; that there is nobody else only who sees all may say."""
    if not complete:
        raise Unavailable(f"who holds the files of {point} may not be read here")
    return ()


def fills(view: View, point: str) -> tuple[Holder, ...]:
    """Whose log fills it: `writers`, and who has written a share worth speaking of, for what cannot grow any more shows no growth.

    What was seen so is noted for a while: the log of one that was stopped has nobody any more who tells that it is one.
    """
    known = writers(view, point)
    large = _holders(view, (file for file in big_files(view, point) if not file.deleted))
    for file in (file for holder in (*known, *large) for file in holder.files):
        view.filled[file.device, file.inode] = time.monotonic()
    return (*known, *large)


def has_filled(view: View, device: int, inode: int) -> bool:
    """Whether `fills` found this file a moment ago."""
    return time.monotonic() - view.filled.get((device, inode), -math.inf) < _REMEMBERED_SECONDS


def _grows_fast(grown: int, used: int) -> bool:
    """By a thousandth of all that is there, in so short a time."""
    return grown > 0 and grown >= used / _GROWN


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
