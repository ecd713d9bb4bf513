"""What an older version kept in the state directory moves to the hands' own directory, once.

A group may write in the state directory: whatever lies there under these names may be a stranger's by now. Only what is ours
alone is taken, by its name in a directory that is held, and it is looked at again when it has arrived.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_NAMES = {"hands.record": "record", "known-good": "known-good", "quarantine": "quarantine"}


def move_in(state_dir: Path, place: Path) -> None:
    """Never raises: without it the hands begin anew."""
    for old, new in _NAMES.items():
        try:
            with _held(state_dir) as above, _held(place) as own:
                _move(old, above, new, own)
        except FileNotFoundError:
            continue
        except OSError as error:
            by_hand = f"; move it yourself: mv -T {state_dir / old} {place / new}" if error.errno == errno.EXDEV else ""
            log.warning("%s was not taken over: %s%s", state_dir / old, error.strerror, by_hand)


def _move(old: str, above: int, new: str, own: int) -> None:
    found = os.stat(old, dir_fd=above, follow_symlinks=False)
    if _is_there(new, own):
        return
    if not _is_ours(found):
        raise PermissionError(errno.EPERM, "it is not this user's own, or others may read or write it")
    os.rename(old, new, src_dir_fd=above, dst_dir_fd=own)
    arrived = os.stat(new, dir_fd=own, follow_symlinks=False)
    if (arrived.st_dev, arrived.st_ino) != (found.st_dev, found.st_ino) or not _is_ours(arrived):
        os.rename(new, f"{new}.strange", src_dir_fd=own, dst_dir_fd=own)
        raise PermissionError(errno.EPERM, "it was changed for another meanwhile")
    os.fsync(own)
    log.info("%s is kept by the hands alone from now on, as %s", old, new)


def _is_ours(found: os.stat_result) -> bool:
    alone = found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return alone and (stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1))


def _is_there(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _held(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
