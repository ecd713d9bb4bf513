"""Where things wait that were moved aside or written over, so that they can come back; each for 30 days, then it goes."""

import errno
import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.host.digests import Digests
from orchestrator.host.errors import ChangeFailed
from orchestrator.host.machine.beneath import look, open_directory, parent_of
from orchestrator.host.machine.files import FileChanges

KEPT_BYTES = 16 << 20
"""A larger file is no configuration file, and is not written over."""
KEPT_DAYS = 30
_KEPT = "kept"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Quarantine:
    """What was moved lies in `directory` (0700) under its inode and name, contents in `kept` under their digest (0600)."""

    def __init__(self, directory: Path, files: FileChanges, digests: Digests | None = None) -> None:
        self._directory = directory
        self._digests = digests or Digests()
        self._kept = directory / _KEPT
        self._files = files

    def keep(self, path: str, digest: str) -> None:
        """Keep the file's content. Raises ChangeFailed when it is not the one with this digest any more."""
        with parent_of(path) as (directory, name):
            content = _read(directory, name)
        if self._digests.of(content) != digest:
            raise ChangeFailed(f"{path} was changed meanwhile")
        _prepare(self._kept)
        self._files.write(str(self._kept / digest), content, uid=os.geteuid(), gid=os.getegid(), mode=0o600)

    def kept(self, digest: str) -> bytes:
        """What `keep` kept. Raises ChangeFailed when it is not there or damaged."""
        if not _DIGEST.fullmatch(digest):
            raise ChangeFailed("that is no digest")
        with parent_of(str(self._kept / digest)) as (directory, name):
            content = _read(directory, name)
        if digest not in (self._digests.of(content), hashlib.sha256(content).hexdigest()):  # the second: as one process kept it
            raise ChangeFailed("the kept content is damaged")
        return content

    def has_kept(self, digest: str) -> bool:
        """False also for who may not look: the hands have the last word."""
        with suppress(PermissionError):
            return bool(_DIGEST.fullmatch(digest)) and (self._kept / digest).exists()
        return False

    def forget(self, digest: str) -> None:
        """It is where it was again."""
        if _DIGEST.fullmatch(digest):
            with parent_of(str(self._kept / digest)) as (directory, name), suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)

    def take(self, path: str, *, inode: int, device: int) -> None:
        """Move exactly this file away: into the quarantine, or, from another file system, under a hidden name beside itself."""
        _prepare(self._directory)
        with parent_of(path) as (directory, name), self._places(directory, name, inode) as places:
            state = look(directory, name)
            if state is None or (state.st_ino, state.st_dev) != (inode, device):
                raise ChangeFailed(f"{path} is not the same file any more")
            if stat.S_ISLNK(state.st_mode) or (stat.S_ISDIR(state.st_mode) and _entries(directory, name) > 1):
                raise ChangeFailed(f"{path} is a link, or a directory of more than one file")
            place, aside = _move(directory, name, places)
            moved = look(place, aside)
            if moved is None or moved.st_ino != inode:  # exchanged between the look and the move
                os.rename(aside, name, src_dir_fd=place, dst_dir_fd=directory)
                raise ChangeFailed(f"{path} was exchanged meanwhile")

    def bring_back(self, path: str, *, inode: int) -> str:
        """Undo `take`; a file that came there since stays. Says which it was."""
        _prepare(self._directory)
        with parent_of(path) as (directory, name), self._places(directory, name, inode) as places:
            here = look(directory, name)
            if here is not None:
                return f"{path} {'never left' if here.st_ino == inode else 'was made anew meanwhile, and that one stays'}"
            for place, aside in places:
                state = look(place, aside)
                if state is None or state.st_ino != inode:
                    continue
                if stat.S_ISDIR(state.st_mode):  # has no second link; over what came there in this moment it goes only if that is empty
                    os.rename(aside, name, src_dir_fd=place, dst_dir_fd=directory)
                else:  # unlike a rename, a link never replaces
                    os.link(aside, name, src_dir_fd=place, dst_dir_fd=directory, follow_symlinks=False)
                    os.unlink(aside, dir_fd=place)
                return f"{path} is back"
        raise ChangeFailed(f"what was moved away from {path} is not there any more")

    @contextmanager
    def _places(self, directory: int, name: str, inode: int) -> Iterator[tuple[tuple[int, str], ...]]:
        quarantine = open_directory(str(self._directory))
        try:
            yield (quarantine, f"{inode}.{name}"), (directory, f".{name}.{inode}.set-aside")
        finally:
            os.close(quarantine)


def _move(directory: int, name: str, places: tuple[tuple[int, str], ...]) -> tuple[int, str]:
    """To the first place that lies on the same file system; the last one does."""
    for place, aside in places:
        try:
            os.rename(name, aside, src_dir_fd=directory, dst_dir_fd=place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            return place, aside
    raise ChangeFailed(f"{name} could not be moved anywhere")


def _read(directory: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > KEPT_BYTES:
            raise ChangeFailed(f"{name} is no regular file of at most {KEPT_BYTES >> 20} MB")
        return file.read(KEPT_BYTES)


def _entries(directory: int, name: str) -> int:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        return len(os.listdir(descriptor))  # noqa: PTH208  # by descriptor
    finally:
        os.close(descriptor)


def _ours_alone(directory: Path) -> None:
    """Who could put something in could have it brought back to any place."""
    descriptor = open_directory(str(directory))
    try:
        state = os.fstat(descriptor)
        if state.st_uid != os.geteuid():
            raise ChangeFailed(f"{directory} belongs to another user ({state.st_uid})")
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _prepare(directory: Path) -> None:
    """Make it, and let go what has been there for longer than anybody would ask for it back."""
    oldest = time.time() - KEPT_DAYS * 86_400
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _ours_alone(directory)
        for entry in directory.iterdir():
            if entry.name == _KEPT or entry.lstat().st_ctime >= oldest:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)  # never follows a link; raises OSError
            else:
                entry.unlink(missing_ok=True)
    except OSError as error:
        raise ChangeFailed(f"{directory} cannot be used: {error.strerror}") from None
