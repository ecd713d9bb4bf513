"""Which processes hold which files of one file system: for a disk that is full, since no directory shows all that takes its room."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.mounts import Mount, Mounts

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
    def __init__(self, mounts: Mounts, proc: Path = Path("/proc")) -> None:
        self._mounts = mounts
        self._proc = str(proc)

    def on(self, point: str, *, of: tuple[int, ...] = ()) -> tuple[OpenFile, ...]:
        """The regular files on the file system that is mounted there; of these processes alone, where any are named.

        A descriptor is followed only after its name told that it lies there, so that no dead mount elsewhere is touched.
        """
        mount = self._mounts.of_path(point)
        if mount.may_hang:
            return ()
        device = os.stat(mount.point).st_dev  # noqa: PTH116  # a local file system
        found: dict[tuple[int, int, int], OpenFile] = {}
        for pid, name, path in self._named(of):
            if self._mounts.of_path(path.removesuffix(_DELETED)).point != mount.point:
                continue
            with suppress(OSError):  # it was closed meanwhile, or its process ended
                if (file := self._read(pid, name, path, mount, device)) and (file.pid, file.device, file.inode) not in found:
                    found[file.pid, file.device, file.inode] = file
        return tuple(found.values())

    def paths(self, pid: int) -> Iterator[str]:
        """The files that a process has open, and its working directory, by the names that they have or had."""
        with suppress(OSError):
            yield os.readlink(f"{self._proc}/{pid}/cwd")  # noqa: PTH115  # a name of the kernel's
        yield from (path.removesuffix(_DELETED) for _, _, path in self._named((pid,)))

    def lockers(self, paths: Collection[str]) -> dict[str, int]:
        """For each of these files that is locked a process that has it open with its lock.

        proc(5), fdinfo: a descriptor tells the locks that were taken by it, also those that flock(1) took for the script that
        calls it; /proc/locks names such a lock by a process that has ended, and in a container not at all.
        """
        found: dict[str, int] = {}
        for pid, name, path in self._named(()):
            if path in paths and path not in found and self._is_locked(pid, name):
                found[path] = pid
        return found

    def holds_a_lock(self, pid: int) -> bool:
        return any(self._is_locked(pid, name) for _, name, _ in self._named((pid,)))

    def _is_locked(self, pid: int, name: str) -> bool:
        with suppress(OSError):
            return "\nlock:" in Path(self._proc, str(pid), "fdinfo", name).read_text(encoding="ascii", errors="replace")
        return False

    def _named(self, pids: tuple[int, ...]) -> Iterator[tuple[int, str, str]]:
        left = _DESCRIPTORS
        for pid in pids or self._pids():
            with suppress(OSError):
                for name in os.listdir(f"{self._proc}/{pid}/fd")[:left]:  # noqa: PTH208  # names alone
                    left -= 1
                    with suppress(OSError):
                        path = os.readlink(f"{self._proc}/{pid}/fd/{name}")  # noqa: PTH115  # a name of the kernel's
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
