"""The hands' own directory: theirs alone (0700), one pair of hands in it at a time, and room for what they must write down."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from orchestrator.flocks import held
from orchestrator.host import Unavailable

RESERVE_BYTES = 1 << 20
"""Some thousand lines of the record, on a disk that stays full."""


class Place:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._reserve = directory / "reserve"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Make it, and be the only hands there until `leave`. Raises Unavailable."""
        try:
            self._make()
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{self.directory} cannot be made: {error.strerror}; run as root, or name another daemon.state_dir") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Unavailable(f"other hands work in {self.directory} (pid {holder}); stop them first, or try again later") from None
        self._descriptor = descriptor
        held.add(descriptor)
        with contextlib.suppress(OSError):  # a full disk may refuse the pid: the lock itself is what counts
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def make_room(self) -> bool:
        """Give the reserve back to a disk that is full; whether there was any."""
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True

    def keep_room(self) -> None:
        """Have the reserve again, once the disk has room for it."""
        making = self._reserve.with_suffix(".new")
        try:
            room = os.statvfs(self.directory)
            if self._reserve.exists() or room.f_bavail * room.f_frsize < 2 * RESERVE_BYTES:
                return
            with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            making.rename(self._reserve)
        except OSError:
            making.unlink(missing_ok=True)

    def leave(self) -> None:
        if self._descriptor is not None:
            held.discard(self._descriptor)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # closing alone leaves it to a child that has not come to its exec yet
            os.close(self._descriptor)
            self._descriptor = None

    def _make(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Unavailable(f"{self.directory} is not a directory of uid {os.geteuid()}'s own: look at it, and move it away")
        self.directory.chmod(0o700)
