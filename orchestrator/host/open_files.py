"""Which processes hold which files of one file system: for a disk that is full, since no directory shows all that takes its room."""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.host.errors import Unavailable
from orchestrator.host.mounts import Mount, Mounts
from orchestrator.host.rights import Own, Rights
from orchestrator.host.tracing import link, names

_PROCESSES = 20_000
_DESCRIPTORS = 50_000
"""Of all processes together; a millisecond for some hundred of them."""
_DELETED = " (deleted)"
_NOT_FILES = ("/memfd:", "/SYSV", "/dev/zero", "/[", "/anon_hugepage", "/dmabuf:", "/i915")
"""How the kernel calls memory that has a descriptor."""
_MIXED = ("overlay", "btrfs", "zfs", "bcachefs")
"""Here a file's device is not the one that mountinfo shows for its file system."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file in the hands of one process."""

    pid: int
    path: str
    size: int
    """Bytes that it takes on the disk."""
    deleted: bool
    """No directory has it any more: it goes when the last process lets it go."""
    writes: bool
    reads: bool
    device: int
    inode: int


class OpenFiles:
    """Where this process may not look into all that is asked after, whoever may is asked. Raises Unavailable without him."""

    def __init__(self, mounts: Mounts, rights: Rights | None = None, proc: Path = Path("/proc")) -> None:
        self._mounts = mounts
        self._rights = rights or Own()
        self._proc = str(proc)

    def on(self, point: str) -> tuple[tuple[OpenFile, ...], bool]:
        """The regular files on the file system that is mounted there, and whether these are all that take a share of it.

        A descriptor is followed only after its name told that it lies there, so that no dead mount elsewhere is touched.
        """
        mount, unseen = self._mounts.of_path(point), list[int]()
        if mount.may_hang:
            return (), True
        found = self._on(mount, self._pids(), unseen)
        with suppress(Unavailable):
            return (self._asked("holders", point=point) if unseen else found), True
        return found, False

    def of(self, pids: tuple[int, ...], point: str, unit: str = "") -> tuple[OpenFile, ...]:
        """Those that these processes have open there. Whoever else may look tells all only of the processes of a unit."""
        mount = self._mounts.of_path(point)
        if mount.may_hang:
            return ()
        try:
            return self._on(mount, pids)
        except PermissionError:
            found = self._asked("unit_files", unit=unit, point=point) if unit else self._asked("holders", point=point)
            return tuple(file for file in found if file.pid in pids)

    def paths(self, unit: str, pids: Iterable[int]) -> tuple[tuple[int, str], ...]:
        """The files that processes of a unit have open, and their working directories, by the names that they have or had."""
        asked = tuple(pids)
        try:
            return tuple(pair for pid in asked for pair in self._paths(pid))
        except PermissionError:
            rows = self._rights.ask("unit_paths", unit=unit)
            return tuple((int(pid), str(path)) for path, pids in rows for pid in pids if pid in asked)

    def lockers(self, paths: Collection[str]) -> dict[str, int]:
        """For each of these files that is locked a process that has it open with its lock.

        proc(5), fdinfo: a descriptor tells the locks that were taken by it, also those that flock(1) took for the script that
        calls it; /proc/locks names such a lock by a process that has ended, and in a container not at all. What was found is
        true, even where nobody tells the rest.
        """
        found: dict[str, int] = {}
        unseen: list[int] = []
        for pid, name, path in self._named(self._pids(), unseen):
            if path in paths and path not in found and self._is_locked(pid, name):
                found[path] = pid
        if unseen and (left := sorted(set(paths) - found.keys())):
            try:
                found |= {str(path): int(pid) for path, pid in self._rights.ask("lockers", paths=left)}
            except Unavailable:
                if not found:
                    raise
        return found

    def holding_locks(self, pids: Collection[int]) -> set[int]:
        """Those of these processes that hold a lock on a file."""
        unseen: list[int] = []
        found = {pid for pid, name, _ in self._named(tuple(pids), unseen) if self._is_locked(pid, name)}
        return found | (set(self._rights.ask("holding_locks", pids=unseen)) if unseen else set())

    def _asked(self, question: str, **about: Any) -> tuple[OpenFile, ...]:
        return tuple(OpenFile(**row) for row in self._rights.ask(question, **about))

    def _on(self, mount: Mount, pids: tuple[int, ...], unseen: list[int] | None = None) -> tuple[OpenFile, ...]:
        device = os.stat(mount.point).st_dev  # noqa: PTH116  # a local file system
        found: dict[tuple[int, int, int], OpenFile] = {}
        for pid, name, path in self._named(pids, unseen):
            if self._mounts.of_path(path.removesuffix(_DELETED)).point != mount.point:
                continue
            with suppress(OSError):  # it was closed meanwhile, or its process ended
                if (file := self._read(pid, name, path, mount, device)) and (file.pid, file.device, file.inode) not in found:
                    found[file.pid, file.device, file.inode] = file
        return tuple(found.values())

    def _paths(self, pid: int) -> Iterator[tuple[int, str]]:
        if directory := link(f"{self._proc}/{pid}/cwd"):
            yield pid, directory
        yield from ((pid, path.removesuffix(_DELETED)) for _, _, path in self._named((pid,)))

    def _is_locked(self, pid: int, name: str) -> bool:
        with suppress(OSError):
            return "\nlock:" in Path(self._proc, str(pid), "fdinfo", name).read_text(encoding="ascii", errors="replace")
        return False

    def _named(self, pids: tuple[int, ...], unseen: list[int] | None = None) -> Iterator[tuple[int, str, str]]:
        """Raises PermissionError at the first process that may not be looked into; with `unseen` it is told there.

        So is there one with more descriptors than are left to be looked into: what it has beyond these, nobody saw.
        """
        left = _DESCRIPTORS
        for pid in pids:
            try:  # it may become another user's between its list and its links
                there = names(f"{self._proc}/{pid}/fd")
                held = [(name, link(f"{self._proc}/{pid}/fd/{name}")) for name in there[:left]]
            except PermissionError:
                if unseen is None:
                    raise
                unseen.append(pid)
                continue
            left -= len(held)
            if unseen is not None and len(held) < len(there):
                unseen.append(pid)
            for name, path in held:
                if path.startswith("/") and not path.startswith(_NOT_FILES):
                    yield pid, name, path

    def _pids(self) -> tuple[int, ...]:
        return tuple(int(name) for name in os.listdir(self._proc) if name.isdigit())[:_PROCESSES]  # noqa: PTH208  # names alone

    def _read(self, pid: int, name: str, path: str, mount: Mount, device: int) -> OpenFile | None:
        state = os.stat(f"{self._proc}/{pid}/fd/{name}")  # noqa: PTH116  # without a Path for each descriptor
        if not stat.S_ISREG(state.st_mode) or (state.st_dev != device and mount.fstype not in _MIXED):
            return None
        mode = _access_mode(Path(self._proc, str(pid), "fdinfo", name))
        return OpenFile(
            pid=pid,
            path=path.removesuffix(_DELETED) if state.st_nlink == 0 else path,
            size=state.st_blocks * 512,
            deleted=state.st_nlink == 0,
            writes=mode in (os.O_WRONLY, os.O_RDWR),
            reads=mode in (os.O_RDONLY, os.O_RDWR),
            device=state.st_dev,
            inode=state.st_ino,
        )


def _access_mode(fdinfo: Path) -> int:
    """proc(5): the flags of open(2), in octal."""
    for line in fdinfo.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return int(value, 8) & os.O_ACCMODE
    return os.O_RDWR
