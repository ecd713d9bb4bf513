"""The child of `helper.py`: answers questions about files, one JSON line each. Knows nothing but the standard library.

Started by its path, so that it imports nothing of the project: 10 ms and 9 MB. It ends when its parent closes the pipe,
and by itself when it is idle.
"""

import base64
import errno
import hashlib
import json
import os
import re
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

IDLE_SECONDS = 30.0
_MATCH_SECONDS = 1
DIGEST_BYTES = 256 << 20
_OPEN_TREE, _AT_FDCWD, _CLONE = 428, -100, 1
"""open_tree(2), Linux 5.2: the same number on every architecture but alpha."""

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
}


def usage(path: str) -> list[int]:
    """[total, used, available, inodes, inodes used], bytes."""
    found = os.statvfs(path)
    unit = found.f_frsize
    used = (found.f_blocks - found.f_bfree) * unit
    return [found.f_blocks * unit, used, found.f_bavail * unit, found.f_files, found.f_files - found.f_ffree]


def look(path: str, follow: bool = False) -> dict[str, Any] | None:  # noqa: FBT001, FBT002  # it comes from JSON
    """The fields of a FileState; None when there is no such file."""
    try:
        found = Path(path).stat(follow_symlinks=follow)
        target = str(Path(path).readlink()) if stat.S_ISLNK(found.st_mode) else ""
    except (FileNotFoundError, NotADirectoryError):
        return None
    return state(found, target)


def state(found: os.stat_result, target: str = "") -> dict[str, Any]:
    """As `look` tells it."""
    return {
        "kind": _KINDS.get(stat.S_IFMT(found.st_mode), "other"),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "mode": stat.S_IMODE(found.st_mode),
        "size": found.st_size,
        "mtime": found.st_mtime,
        "ctime": found.st_ctime,
        "inode": found.st_ino,
        "device": found.st_dev,
        "link_target": target,
    }


def read(path: str, cap: int) -> str:
    """The first `cap` bytes, as base64."""
    descriptor = _open_regular(path)
    try:
        return base64.b64encode(b"".join(_chunks(descriptor, cap))).decode()
    finally:
        os.close(descriptor)


def digest(path: str, algorithm: str = "sha256") -> str:
    """In hex; empty when there is no such file."""
    try:
        descriptor = _open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        if os.fstat(descriptor).st_size > DIGEST_BYTES:
            raise OSError(errno.EFBIG, f"larger than {DIGEST_BYTES >> 20} MiB")
        summed = hashlib.new(algorithm, usedforsecurity=False)
        for chunk in _chunks(descriptor, DIGEST_BYTES):
            summed.update(chunk)
        return summed.hexdigest()
    finally:
        os.close(descriptor)


def entries(path: str, cap: int) -> list[str]:
    """The names in a directory, sorted; none when there is no such directory."""
    names = []
    try:
        with os.scandir(path) as found:
            for entry in found:
                names.append(entry.name)
                if len(names) == cap:
                    break
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(names)


def appended(path: str, inode: int, offset: int, cap: int) -> dict[str, Any]:
    """What was written to a log since `offset` of the file with that `inode`; all of another file (it was rotated), or of one cut short.

    `inode` 0: nothing was read yet, and what is there is no news. At most the last `cap` bytes; what was passed over is counted.
    A link is followed within the log's own directory alone.
    """
    real = Path(path).resolve()
    if real.parent != Path(path).parent.resolve():
        raise OSError(errno.ELOOP, "leads to another directory")
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        return news(descriptor, inode, offset, cap)
    finally:
        os.close(descriptor)


def news(descriptor: int, inode: int, offset: int, cap: int) -> dict[str, Any]:
    """As `appended`, of an open file."""
    found = os.fstat(descriptor)
    known = inode == found.st_ino and offset <= found.st_size
    begin = offset if known else 0 if inode else found.st_size
    unread = max(0, found.st_size - begin - cap)
    os.lseek(descriptor, begin + unread, os.SEEK_SET)
    data = base64.b64encode(b"".join(_chunks(descriptor, cap))).decode()
    return {"inode": found.st_ino, "offset": begin + unread, "unread": unread, "data": data}


def fitting(_path: str, pattern: str, lines: list[str]) -> list[int]:
    """The numbers of the lines that the regular expression fits. One that backtracks for ever ends this child: nothing else ends it."""
    signal.alarm(_MATCH_SECONDS)  # the default action is death
    try:
        compiled = re.compile(pattern)
        return [number for number, line in enumerate(lines) if compiled.search(line)]
    finally:
        signal.alarm(0)


def resolve(host: str) -> list[str]:
    """The addresses of a name: the resolver has no deadline of its own."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))[:16]


def takes_room(path: str, covered: list[str], entries: int, seconds: float) -> dict[str, Any]:
    """What lies on the file system that is mounted on `path`, also where other mounts cover it: sizes by first directory.

    A copy of the mount that nobody else sees (open_tree(2)) has none of the mounts upon it, so nothing else is entered. It is
    gone when this function ends. Root in a sandbox that forbids that still sees what nothing covers, and tells no more than that.
    """
    bare = True
    try:
        top = _bare(path)
    except PermissionError:
        if os.geteuid() != 0:
            raise
        bare, top = False, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    walk = _Walk(entries, time.monotonic() + seconds, None if bare else os.fstat(top).st_dev, covered)
    try:
        beneath = [[name, *walk.measure(top, name)] for name in covered] if bare else []
        sizes = [[name, *walk.measure(top, name)] for name in sorted(os.listdir(top))]  # noqa: PTH208  # of a descriptor
    finally:
        os.close(top)
    whole = walk.left > 0 and time.monotonic() < walk.deadline and (bare or not walk.elsewhere)
    return {"covered": beneath, "entries": sizes, "complete": whole}


class _Walk:
    """Adds up sizes until its patience ends. A file that has several names counts once."""

    def __init__(self, entries: int, deadline: float, device: int | None = None, covered: Iterable[str] = ()) -> None:
        """`device`: nothing else is entered, and nothing of what other mounts cover. Of an overlay only directories have its number."""
        self.left = entries
        self.deadline = deadline
        self.elsewhere = False
        """Another mount lies upon it, and was not entered."""
        self._device, self._covered = device, frozenset(covered)
        self._seen: set[int] = set()

    def measure(self, directory: int, name: str, path: str = "") -> tuple[int, int]:
        """(bytes on the disk, files) of one entry and all beneath it. `path`: its own, from where the walk began."""
        self.left -= 1
        try:
            state = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return 0, 0
        if self._device is not None and stat.S_ISDIR(state.st_mode) and (state.st_dev != self._device or (path or name) in self._covered):
            self.elsewhere = True
            return 0, 0
        size, files = (0, 0) if state.st_ino in self._seen else (state.st_blocks * 512, 1)
        self._seen.add(state.st_ino)
        if not stat.S_ISDIR(state.st_mode) or self.left < 0 or time.monotonic() > self.deadline:
            return size, files
        try:
            deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return size, files
        try:
            for inner in os.listdir(deeper):  # noqa: PTH208  # of a descriptor
                more, count = self.measure(deeper, inner, f"{path or name}/{inner}")
                size, files = size + more, files + count
                if self.left < 0:
                    break
        except RecursionError:
            self.left = -1
        finally:
            os.close(deeper)
        return size, files


def _bare(path: str) -> int:
    """A descriptor of the mount on `path` without what is mounted upon it; where the kernel has none, of the directory."""
    import ctypes  # noqa: PLC0415  # 2 MB that no other question needs

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.syscall(_OPEN_TREE, ctypes.c_int(_AT_FDCWD), os.fsencode(path), ctypes.c_uint(_CLONE | os.O_CLOEXEC))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
    finally:
        os.close(descriptor)


QUESTIONS: dict[str, Callable[..., Any]] = {
    question.__name__: question for question in (usage, look, read, digest, entries, resolve, takes_room, appended, fitting)
}


def answer(question: str, path: str, more: dict[str, Any]) -> Any:
    """Plain data. Raises OSError."""
    return QUESTIONS[question](path, **more)


def _open_regular(path: str) -> int:
    """Never waits for a writer of a fifo, never rings a device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "is no regular file")


def _chunks(descriptor: int, cap: int) -> Iterator[bytes]:
    while cap > 0 and (chunk := os.read(descriptor, min(cap, 1 << 20))):
        cap -= len(chunk)
        yield chunk


def main() -> None:
    while select.select([0], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        request = json.loads(line)
        try:
            reply = {"answer": answer(request["question"], request["path"], request["more"])}
        except OSError as error:
            reply = {"errno": error.errno or errno.EIO, "error": error.strerror or str(error)}
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
