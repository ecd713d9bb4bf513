"""The state directory: one group, 2770, files 0660, whoever comes first and whatever the umask."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestrator.flocks import held
from orchestrator.store.words import StoreUnusable

DIRECTORY_MODE = 0o2770
FILE_MODE = 0o660
BESIDE = ("", "-wal", "-shm")
"""SQLite gives the files beside a database the mode and owner of the database itself, once that one is right."""


def make_directory(path: Path) -> None:
    """`path` as a directory with the right mode, if it is ours to set. Raises StoreUnusable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        _set_mode(path, DIRECTORY_MODE, stat.S_ISDIR)
    except FileExistsError:
        raise StoreUnusable(f"{path} is not a directory: remove it, or name another daemon.state_dir") from None
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be made: {error.strerror}; run as root, or name another daemon.state_dir") from None


def open_to_group(directory: Path) -> None:
    """One of our own, beneath: it has its bit from the state directory, and a sandbox refuses to set even the same one again."""
    found = directory.stat()
    if stat.S_IMODE(found.st_mode) != DIRECTORY_MODE and os.geteuid() in (0, found.st_uid):
        directory.chmod(DIRECTORY_MODE)


def make_file(path: Path) -> None:
    """`path` and the files that SQLite keeps beside it, with the right mode. Raises StoreUnusable.

    An existing database is never opened for this: closing any descriptor of it would drop the POSIX locks that SQLite
    holds on it elsewhere in this process.
    """
    try:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_RDWR, FILE_MODE)
        except FileExistsError:
            for suffix in BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    _set_mode(path.with_name(path.name + suffix), FILE_MODE, stat.S_ISREG)
        else:
            os.fchmod(descriptor, FILE_MODE)
            os.close(descriptor)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be made: {error.strerror}; is {path.parent} writable, and has the disk room?") from None


def _set_mode(path: Path, mode: int, is_kind: object) -> None:
    """By a descriptor that follows no link: a member of the group may write in here, and root must not be led away."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not callable(is_kind) or not is_kind(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1):
            raise StoreUnusable(f"{path} is not what it should be (a link, or of another kind): look at it, and move it away")
        if stat.S_IMODE(found.st_mode) != mode and os.geteuid() in (0, found.st_uid):
            Path(f"/proc/self/fd/{descriptor}").chmod(mode)
    finally:
        os.close(descriptor)


class Lock:
    """The one healer of a state directory: an flock on its file `lock`, which holds the pid for people."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises StoreUnusable when another process holds it."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise StoreUnusable(f"{self._path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreUnusable(f"another healer works on {self._path.parent} (pid {holder}); stop it first, or try again later") from None
        self._descriptor = descriptor
        held.add(descriptor)
        with contextlib.suppress(OSError):  # a full disk may refuse the pid: the lock itself is what counts
            os.fchmod(descriptor, FILE_MODE)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """For a moment. Raises StoreUnusable."""
        self.take()
        try:
            yield
        finally:
            self.release()

    @contextlib.contextmanager
    def held_if_free(self) -> Iterator[bool]:
        """For a moment; whether it was free."""
        try:
            self.take()
        except StoreUnusable:
            yield False
            return
        try:
            yield True
        finally:
            self.release()

    def release(self) -> None:
        if self._descriptor is not None:
            held.discard(self._descriptor)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # closing alone leaves it to a child that has not come to its exec yet
            os.close(self._descriptor)
            self._descriptor = None
