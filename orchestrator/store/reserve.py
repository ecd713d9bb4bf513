"""The reserve: room on the disk that is given back when a write finds none, so that nothing is lost (law 11)."""

import contextlib
import os
import threading
from pathlib import Path

from orchestrator.store.files import FILE_MODE, open_to_group

RESERVE_BYTES = 8 * 1024 * 1024
"""Enough for an escalation, its mail and hundreds of state changes on a disk that stays full."""
RESERVE_INODES = 32


class Reserve:
    """Really allocated blocks, and empty files that hold inodes, in the folder `reserve`. Never raises: it is the last resort."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "reserve"
        self._space = self._folder / "space"
        self._guard = threading.Lock()

    @property
    def whole(self) -> bool:
        try:
            return self._space.stat().st_size == RESERVE_BYTES
        except OSError:
            return False

    def free(self) -> bool:
        """Give the room back; False when there was nothing left to give."""
        freed = False
        with self._guard, contextlib.suppress(OSError):
            for entry in list(os.scandir(self._folder)):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()
                    freed = True
        return freed

    def restore(self) -> bool:
        """Make it again if it is not whole and the disk has room for twice as much; whether it is whole now."""
        with self._guard:
            if self.whole:
                return True
            try:
                self._make()
            except OSError:
                with contextlib.suppress(OSError):
                    (self._folder / "making").unlink()
            return self.whole

    def _make(self) -> None:
        self._folder.mkdir(exist_ok=True)
        open_to_group(self._folder)
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize < 2 * RESERVE_BYTES:
            return
        for number in range(RESERVE_INODES):
            os.close(os.open(self._folder / f"inode-{number:02}", os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE))
        making = self._folder / "making"
        descriptor = os.open(making, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        finally:
            os.close(descriptor)
        making.rename(self._space)
