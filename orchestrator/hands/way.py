"""The way to a file, walked by descriptors: where a path leads, and whether whoever placed the links on it may send the hands there.

The hands may read everything. Whoever can write into a place that the configuration names could put a link there that leads to what
only root may see, and have it told. So a link counts when an administrator placed it, where nobody else could have, or when it leads
to what belongs to whoever placed it: that one could have told it himself. Nothing is opened by its name a second time, so that nothing
can be exchanged between the look and the reading.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from orchestrator.host import Unavailable

_LINKS = 40  # as the kernel's own limit (path_resolution(7))
_OTHERS_WRITE, _OTHERS_ENTER = 0o022, 0o001
_NOT_FILES = ("/proc", "/sys", "/dev")
"""Where a look may do something, and a name may be a door into another process."""
_FILES_THERE = ("/dev/shm",)  # noqa: S108  # an ordinary file system
_AS_A_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Way:
    """Where a path led. Its descriptor is a mere place (O_PATH), and is closed with the walk."""

    real: str
    state: os.stat_result
    descriptor: int
    link_target: str = ""
    alone: bool = True
    """Nobody but root can have put anything into the directories on the way: then a second name of the file is root's doing too."""

    @property
    def mode(self) -> int:
        return self.state.st_mode

    @contextmanager
    def opened(self) -> Iterator[int]:
        """To be read. Only for a regular file: then nothing waits, and nothing rings."""
        if not stat.S_ISREG(self.mode):
            raise Unavailable(f"{self.real} is no regular file")
        if self.state.st_nlink != 1 and not self.alone:
            raise Unavailable(f"{self.real} has other names, and others than root may have given it this one")
        descriptor = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def listed(self) -> Iterator[int]:
        """The directory, to have its names read."""
        if not stat.S_ISDIR(self.mode):
            raise Unavailable(f"{self.real} is no directory")
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def walked(path: str, *, follow: bool) -> Iterator[Way | None]:
    """Where an absolute path leads; None where nothing is. `follow`: the last part too, when it is a link.

    Raises Unavailable for a link that nobody trustworthy placed, and for a place that is no file system of files. The caller has
    asked before whether anything on the way may hang.
    """
    with _Walk() as walk:
        try:
            yield walk.to(path, follow=follow)
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}") from None


@dataclass(slots=True)
class _Walk:
    names: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """A descriptor for the root, and one for each name."""
    links: int = 0
    strangers: set[int] = field(default_factory=set)
    """Who placed the links that are not an administrator's."""
    hidden: bool = False
    """Behind a stranger's link lay a directory that not everybody may enter."""
    alone: bool = True

    def __enter__(self) -> Self:
        self.places.append(os.open("/", _AS_A_PLACE | os.O_DIRECTORY))
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.places:
            os.close(descriptor)

    def to(self, path: str, *, follow: bool) -> Way | None:
        todo = [part for part in path.split("/") if part not in ("", ".")][::-1]
        while todo:
            part = todo.pop()
            if part == "..":
                self._up()
                continue
            try:
                state = os.stat(part, dir_fd=self.places[-1], follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                self._tell_nothing(path)
                return None
            if stat.S_ISLNK(state.st_mode) and (todo or follow):
                todo += self._through(part, state)
            elif stat.S_ISLNK(state.st_mode):
                return self._end(part, os.readlink(part, dir_fd=self.places[-1]))
            elif todo and not stat.S_ISDIR(state.st_mode):
                self._tell_nothing(path)
                return None
            else:
                self._down(part)
        return self._end()

    def _down(self, part: str) -> None:
        self._note(os.fstat(self.places[-1]))
        self.names.append(part)
        if self.real.startswith(tuple(f"{root}/" for root in _NOT_FILES)) and not self.real.startswith(_FILES_THERE):
            raise Unavailable(f"{self.real} is no place of ordinary files")
        try:
            self.places.append(os.open(part, _AS_A_PLACE, dir_fd=self.places[-1]))
        except OSError:
            self.names.pop()
            raise

    def _up(self) -> None:
        if self.names:
            self.names.pop()
            os.close(self.places.pop())

    def _through(self, part: str, state: os.stat_result) -> list[str]:
        """What is still to be walked because of this link."""
        self.links += 1
        if self.links > _LINKS:
            raise OSError(errno.ELOOP, "too many links")
        if state.st_uid != 0 or not _keeps(os.fstat(self.places[-1])):
            self.strangers.add(state.st_uid)
        target = os.readlink(part, dir_fd=self.places[-1])
        while target.startswith("/") and self.names:
            self._up()
        return [step for step in target.split("/") if step not in ("", ".")][::-1]

    def _note(self, directory: os.stat_result) -> None:
        self.alone = self.alone and directory.st_uid == 0 and not directory.st_mode & _OTHERS_WRITE
        self.hidden = self.hidden or (bool(self.strangers - {directory.st_uid}) and not directory.st_mode & _OTHERS_ENTER)

    def _tell_nothing(self, path: str) -> None:
        """Not even that nothing is there is told to whoever placed a link into what he may not enter."""
        self._note(os.fstat(self.places[-1]))
        if self.hidden:
            raise Unavailable(f"{path}: a link on the way leads to what is not its owner's")

    def _end(self, name: str = "", link_target: str = "") -> Way:
        """Here, or at the link `name` in here."""
        if name:
            self._down(name)
        state = os.fstat(self.places[-1])
        if self.strangers - {state.st_uid}:
            raise Unavailable(f"{self.real}: a link on the way leads to what is not its owner's")
        return Way(self.real, state, self.places[-1], link_target, self.alone)

    @property
    def real(self) -> str:
        return "/" + "/".join(self.names)


def _keeps(directory: os.stat_result) -> bool:
    """Whether nobody but root can exchange what is root's in it: in a sticky one nobody moves that."""
    return directory.st_uid == 0 and (not directory.st_mode & _OTHERS_WRITE or bool(directory.st_mode & stat.S_ISVTX))
