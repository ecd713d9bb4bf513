"""Files as they are. Nothing here changes anything, waits for a fifo's writer, or hangs on a dead mount."""

import base64
import fcntl
import fnmatch
import os
import stat
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.helper import ASK_SECONDS
from orchestrator.host.mounts import REFUSED, Mounts
from orchestrator.host.open_files import OpenFiles
from orchestrator.host.rights import Own, Rights

_LOCKS = Path("/proc/locks")
_WALKED = 100_000
_LOCKS_LINES = 20_000
_FLOCK = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length, pid
_UNKNOWN_HOLDER = 0
_FIRST_PIDS = 0xEFFFFFFC
"""PROC_PID_INIT_INO: only who lives in the kernel's first name space of processes is listed every lock, also of the dead."""


@dataclass(frozen=True, slots=True)
class FileState:
    kind: str
    """One of file, dir, link, socket, fifo, other."""
    uid: int
    gid: int
    mode: int
    """Permission bits alone, 0o7777."""
    size: int
    mtime: float
    ctime: float
    inode: int
    device: int
    link_target: str = ""


class Files:
    """Raises Unavailable when a path cannot be asked about (a mount that hangs, no permission); absence is an answer."""

    def __init__(self, mounts: Mounts, open_files: OpenFiles, rights: Rights | None = None) -> None:
        self._mounts, self._open_files, self._rights = mounts, open_files, rights or Own()

    def look(self, path: str, *, follow: bool = False, timeout: float = ASK_SECONDS) -> FileState | None:
        """The file itself, a link as a link unless `follow`; None when there is none. `timeout`: for a mount that may hang."""
        found = self._mounts.ask("look", path, timeout, follow=follow)
        return FileState(**found) if found else None

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        """In hex, of a regular file's content (links followed, at most 256 MiB); empty when there is no such file."""
        return str(self._mounts.ask("digest", path, algorithm=algorithm))

    def read(self, path: str, cap: int = 1 << 20) -> bytes:
        """The first `cap` bytes of a regular file (links followed). Raises Unavailable when there is none to read."""
        return base64.b64decode(self._mounts.ask("read", path, cap=cap))

    def entries(self, path: str, cap: int = 1000) -> tuple[str, ...]:
        """The names in a directory, sorted, `cap` at most; empty when there is no such directory."""
        return tuple(self._mounts.ask("entries", path, cap=cap))

    def holds_old(self, root: str, pattern: str, older_than: float) -> bool:
        """Whether a file beneath it fits and was not written to for so many seconds. What a bounded look does not reach may be one."""
        if self._mounts.doubtful(root):
            return True
        before, left = time.time() - older_than, _WALKED
        closed: list[OSError] = []
        for directory, _, names in os.walk(root, onerror=closed.append):
            left -= len(names) + 1
            for name in fnmatch.filter(names, pattern):
                with suppress(OSError):
                    state = os.lstat(os.path.join(directory, name))  # noqa: PTH118  # many
                    if stat.S_ISREG(state.st_mode) and state.st_mtime < before:
                        return True
            if left < 0:
                return True
        refused = next((error for error in closed if error.errno in REFUSED), None)
        return bool(self._mounts.instead(refused, "holds_old", root, pattern=pattern, older_than=older_than)) if refused else False

    def lock_holder(self, path: str) -> int | None:
        """The pid that holds a real lock (fcntl or flock) on the file; 0 when it is held and the kernel does not say by whom.

        A file without a lock is no lock: None, as for no file. Only for local files, and never for one that this very process has
        locked: closing the descriptor that asked would drop its own fcntl locks.
        """
        if point := self._mounts.doubtful(path):
            raise Unavailable(f"{path} lies on {point}, which may hang: its locks are not asked after")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except PermissionError:
            return self._holder_of_closed(path)
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}") from None
        try:
            holder = _fcntl_holder(descriptor)
            return self._listed_holder(descriptor) if holder is None else holder
        finally:
            os.close(descriptor)

    def _holder_of_closed(self, path: str) -> int | None:
        """Of a file that only others may open. Whoever may look at its number finds its locks in the kernel's list, where that is whole."""
        with suppress(PermissionError):
            try:
                found = os.stat(path)  # noqa: PTH116  # a local file
            except FileNotFoundError:
                return None
            listed = _holder_in_list(self._names_in_list(path, found))
            if listed is not None or os.stat("/proc/self/ns/pid").st_ino == _FIRST_PIDS:  # noqa: PTH116  # a name of the kernel's
                return listed
        told = self._rights.ask("lock_holder", path=path)
        return None if told is None else int(told)

    def _names_in_list(self, name: str, found: os.stat_result) -> set[str]:
        device = self._mounts.of_path(name).device
        devices = {(os.major(found.st_dev), os.minor(found.st_dev)), tuple(int(part) for part in device.split(":"))}
        return {f"{major:02x}:{minor:02x}:{found.st_ino}" for major, minor in devices}

    def _listed_holder(self, descriptor: int) -> int | None:
        """flock(2) has no question without taking the lock; /proc/locks lists it by device and inode.

        The device is the file system's own, which overlay and btrfs do not show in a file's state: mountinfo does. Two files of an
        overlay can have one number there, when their layers are different file systems: so the list is only asked whether to look
        for a process that has this very file open with its lock. One in a mount namespace of its own calls it otherwise: then the
        list is believed.
        """
        found, name = os.fstat(descriptor), os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  # a name of the kernel's
        listed = _holder_in_list(self._names_in_list(name, found))
        if not listed or not _sees_our_files(listed):
            return listed
        return self._open_files.lockers((name,)).get(name)


def _sees_our_files(pid: int) -> bool:
    try:
        own = (os.readlink(f"/proc/{one}/ns/mnt") for one in ("self", "1"))  # noqa: PTH115  # the first: without our sandbox
        return os.readlink(f"/proc/{pid}/ns/mnt") in own  # noqa: PTH115  # names of the kernel's
    except FileNotFoundError:
        return True  # it has ended: whoever inherited its lock is found by the open file
    except OSError:
        return False


def _fcntl_holder(descriptor: int) -> int | None:
    """Asks as if for a write lock on the whole file: the kernel names who stands against it. Works on every file system."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return None
    return pid if pid > 0 else _UNKNOWN_HOLDER


def _holder_in_list(wanted: set[str]) -> int | None:
    """The first holder of one of these files (device:inode) in /proc/locks; `->` is one that waits."""
    try:
        lines = _LOCKS.read_text(encoding="ascii", errors="replace").splitlines()[:_LOCKS_LINES]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) >= 6 and fields[1] != "->" and fields[5] in wanted:
            return max(int(fields[4]), _UNKNOWN_HOLDER)
    return None
