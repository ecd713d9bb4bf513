"""Changes files: writes them anew in one step, gives them their owner and mode, removes what is old. Nothing follows a link."""

import fnmatch
import os
import secrets
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import ChangeFailed
from orchestrator.host.machine.beneath import files_beneath, open_directory, parent_of, plain

_PRIVILEGE = stat.S_ISUID | stat.S_ISGID
_INHERITED = ("system.posix_acl_access", "security.selinux", "security.SMACK64", "security.apparmor", "user.")
"""Access lists and labels. Never security.capability: a privilege is of the program that it was given to."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Removed:
    count: int
    size: int
    """Bytes that are free now."""
    in_use: int
    """Files that stayed because a process has them open: removing those would free nothing."""


class FileChanges:
    def write(self, path: str, content: bytes, *, uid: int, gid: int, mode: int) -> None:
        """Put a file there in one step: whoever reads it finds the old one or the new one, whole. A link there is replaced.

        Never one that gives whoever runs it other rights.
        """
        if mode & _PRIVILEGE:
            raise ChangeFailed(f"{path}: no content is written with a set-user or set-group bit")
        with parent_of(path) as (directory, name), _temporary(directory, name) as temporary:
            with os.fdopen(os.open(temporary, _NEW, 0o600, dir_fd=directory), "wb") as file:
                _inherit(directory, name, file.fileno())
                os.fchown(file.fileno(), uid, gid)
                os.fchmod(file.fileno(), mode)  # after the owner: a change of owner clears the set-user bits
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link there in one step."""
        with parent_of(path) as (directory, name), _temporary(directory, name) as temporary:
            os.symlink(target, temporary, dir_fd=directory)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)

    def unlink(self, path: str) -> None:
        """Remove a symbolic link, and nothing else."""
        with parent_of(path) as (directory, name):
            if not stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise ChangeFailed(f"{path} is no link")
            os.unlink(name, dir_fd=directory)

    def own(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        """Set owner and mode of this one file, socket or directory."""
        with parent_of(path) as (directory, name):
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            try:
                state = os.fstat(descriptor)
                if stat.S_ISLNK(state.st_mode):
                    raise ChangeFailed(f"{path} is a link")
                if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
                    raise ChangeFailed(f"{path} has a second name elsewhere, so that it may be any file")
                if _gives_a_privilege(state, uid, gid, mode):
                    raise ChangeFailed(f"{path}: no set-user or set-group bit is given to a file")
                opened = f"/proc/self/fd/{descriptor}"
                os.chown(opened, uid, gid)
                Path(opened).chmod(mode)
            finally:
                os.close(descriptor)

    def empty(self, path: str, inode: int) -> int:
        """Cut this very file to nothing; returns what it took. One that has a second name, or is another one by now, stays."""
        with parent_of(path) as (directory, name):
            descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
            try:
                state = os.fstat(descriptor)
                if not stat.S_ISREG(state.st_mode) or state.st_ino != inode or state.st_nlink != 1:
                    raise ChangeFailed(f"{path} is another file by now, or has a second name")
                os.ftruncate(descriptor, 0)
                return state.st_blocks * 512
            finally:
                os.close(descriptor)

    def make_directory(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        with parent_of(path) as (directory, name):
            os.mkdir(name, 0o700, dir_fd=directory)
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            try:
                if os.fstat(descriptor).st_uid != os.geteuid() or os.listdir(descriptor):  # noqa: PTH208  # by descriptor
                    raise ChangeFailed(f"{path} was exchanged meanwhile")
                os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def remove_directory(self, path: str) -> None:
        """An empty one; anything else raises ChangeFailed."""
        with parent_of(path) as (directory, name):
            os.rmdir(name, dir_fd=directory)

    def remove_old(self, root: str, *, pattern: str, older_than: float, mounts: Collection[str] = (), limit: int = 100_000) -> Removed:
        """Remove regular files beneath `root` whose name fits `pattern` and that nobody wrote to for `older_than` seconds.

        At most `limit` of them. Directories stay; other file systems are not entered, nor what is mounted at one of `mounts`.
        """
        before = time.time() - older_than
        where = plain(root)
        top = open_directory(where)

        def old() -> Iterator[tuple[int, str, os.stat_result]]:
            for directory, name, state in files_beneath(top, where, mounts):
                if state.st_mtime < before and fnmatch.fnmatchcase(name, pattern):
                    yield directory, name, state

        try:
            in_use = _open_files({name for _, name, _ in old()})
            count = size = left = 0
            for directory, name, state in old():
                if (state.st_dev, state.st_ino) in in_use:
                    left += 1
                elif count < limit:
                    os.unlink(name, dir_fd=directory)
                    count += 1
                    size += state.st_blocks * 512 if state.st_nlink == 1 else 0
        except OSError as error:
            raise ChangeFailed(f"{root}: {error.strerror}") from None
        finally:
            os.close(top)
        return Removed(count, size, left)


@contextmanager
def _temporary(directory: int, name: str) -> Iterator[str]:
    """A name beside `name` that nobody has; gone afterwards, whatever happened."""
    temporary = f".{name[:200]}.{secrets.token_hex(4)}.new"
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)


def _gives_a_privilege(state: os.stat_result, uid: int, gid: int, mode: int) -> bool:
    """Whether a file would run with rights that it does not give now: by a new bit, or by a new owner under an old one.

    Whoever may write in its directory chose the file, and its bits; the new owner's rights are not his to choose.
    """
    if not stat.S_ISREG(state.st_mode) or not mode & _PRIVILEGE:
        return False
    return bool(mode & _PRIVILEGE & ~state.st_mode) or (state.st_uid, state.st_gid) != (uid, gid)


def _inherit(directory: int, name: str, descriptor: int) -> None:
    """Access lists and security labels of the file that is replaced: a service may need them to read it."""
    old = f"/proc/self/fd/{directory}/{name}"
    with suppress(OSError):
        for attribute in filter(lambda name: name.startswith(_INHERITED), os.listxattr(old, follow_symlinks=False)):
            os.setxattr(descriptor, attribute, os.getxattr(old, attribute, follow_symlinks=False))


def _open_files(names: Collection[str]) -> set[tuple[int, int]]:
    """(device, inode) of the files with one of these names that a process has open. Other open files are not even asked about."""
    found: set[tuple[int, int]] = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # it ended
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if descriptor.readlink().name in names:
                        state = descriptor.stat()
                        found.add((state.st_dev, state.st_ino))
    return found
