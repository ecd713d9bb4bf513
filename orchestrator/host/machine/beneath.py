"""Reaches a path by directory descriptors, part by part, never through a link (law 7).

What was looked at is what is changed: whoever may write in one of the directories can rename what he likes meanwhile, and
still cannot lead the daemon anywhere else. `held` keeps the directories of a whole change: from before it is judged until it is
done, so that the one that is changed is the one that was judged.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar

from orchestrator.host.errors import ChangeFailed

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STANDARD_LINKS = {"/var/run": "/run", "/var/lock": "/run/lock"}
"""The two links on the way that every distribution has (FHS 3.0); all others are refused."""
_DEEPEST = 32
_HELD: ContextVar[Mapping[str, os.stat_result] | None] = ContextVar("held", default=None)


def plain(path: str) -> str:
    """The same path without the two standard links, and without a slash too many."""
    parts = "/" + "/".join(filter(None, path.split("/")))
    for link, real in _STANDARD_LINKS.items():
        if parts == link or parts.startswith(link + "/"):
            return real + parts[len(link) :]
    return parts


def open_directory(path: str) -> int:
    """A descriptor of the directory; the caller closes it."""
    descriptor, walked = os.open("/", _DIRECTORY), ""
    for part in filter(None, plain(path).split("/")):
        walked = f"{walked}/{part}"
        try:
            if part in (".", ".."):
                raise ChangeFailed(f"{path} has {part!r} in it")
            deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
        except FileNotFoundError:
            raise ChangeFailed(f"{walked} does not exist") from None
        except OSError as error:
            raise ChangeFailed(f"{walked} cannot be entered: {error.strerror}; links are not followed") from None
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


@contextmanager
def parent_of(path: str) -> Iterator[tuple[int, str]]:
    """A descriptor of the directory that holds `path`, and the path's last part. An OSError inside becomes ChangeFailed."""
    above, _, name = plain(path).rpartition("/")
    if name in ("", ".", ".."):
        raise ChangeFailed(f"{path} names no file")
    descriptor = open_directory(above)
    try:
        known = (_HELD.get() or {}).get(above)
        if known and not os.path.samestat(known, os.fstat(descriptor)):
            raise ChangeFailed(f"{above} is another directory by now")
        yield descriptor, name
    except OSError as error:
        raise ChangeFailed(f"{path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


@contextmanager
def held(paths: Iterable[str]) -> Iterator[None]:
    """The directories of these paths are open meanwhile, in this thread: `parent_of` refuses any other that takes their places.

    One that is not there, or cannot be reached without a link, is none that could be judged.
    """
    with ExitStack() as opened:
        known: dict[str, os.stat_result] = {}
        for above in {plain(path).rpartition("/")[0] for path in paths if path.startswith("/")}:
            with suppress(ChangeFailed):
                descriptor = open_directory(above)
                opened.callback(os.close, descriptor)
                known[above] = os.fstat(descriptor)
        before = _HELD.set(known)
        try:
            yield
        finally:
            _HELD.reset(before)


def look(descriptor: int, name: str) -> os.stat_result | None:
    """The file itself, a link as a link; None when there is none."""
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None


def files_beneath(descriptor: int, path: str, shut: Collection[str], depth: int = _DEEPEST) -> Iterator[tuple[int, str, os.stat_result]]:
    """Every regular file of the directory's own file system, each with a descriptor of the directory that holds it.

    `path` is where the descriptor lies; a path in `shut` is not even looked at: a mount there may hang, and a bind mount
    has the same device number as what it lies on.
    """
    device = os.fstat(descriptor).st_dev
    for name in os.listdir(descriptor):
        if f"{path}/{name}" in shut:
            continue
        state = look(descriptor, name)
        if state is None or state.st_dev != device:
            continue
        if stat.S_ISREG(state.st_mode):
            yield descriptor, name, state
        elif stat.S_ISDIR(state.st_mode) and depth:
            try:
                deeper = os.open(name, _DIRECTORY, dir_fd=descriptor)
            except OSError:  # exchanged for a link, or gone
                continue
            try:
                yield from files_beneath(deeper, f"{path}/{name}", shut, depth - 1)
            finally:
                os.close(deeper)
