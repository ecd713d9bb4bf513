"""The nightly copy of both files: a directory a night, whole or not at all, of which the newest few are kept."""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.store.files import FILE_MODE, open_to_group
from orchestrator.store.ledger import connect, uri_to_read

FILES = ("tasks.db", "escalations.db")
KEPT = 7
NIGHT_HOUR = 3
"""UTC: from then on the copy of a night is due."""
LEFT_BYTES = 256 << 20
"""So much stays free beside a copy: it must not fill the disk that it is for."""

_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_MAKING = ".making"


class NotCopied(Exception):
    """There is no copy of this night: why."""


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    at: float
    directory: Path


def copies(state_dir: Path) -> tuple[Copy, ...]:
    """The newest first. What is not whole has no name of one."""
    with suppress(OSError):
        found = [Copy(_at(path.name), path) for path in (state_dir / "backup").iterdir() if _NAME.fullmatch(path.name)]
        return tuple(sorted(found, reverse=True))
    return ()


def is_due(state_dir: Path, now: float) -> bool:
    """Whether this night has none yet; where there never was one, at once."""
    newest = copies(state_dir)[:1]
    return not newest or newest[0].at < _night(now) or newest[0].at > now + 86_400  # one of before the clock was set back


def make_copy(state_dir: Path, now: float) -> Copy:
    """Of both files as they are, each one checked. Raises NotCopied; then what was there before is as it was."""
    home = state_dir / "backup"
    name = datetime.fromtimestamp(now, UTC).strftime(_FORMAT)
    making = home / f"{name}{_MAKING}"
    try:
        _make_home(home)
        _leave_room(state_dir)
        making.mkdir(mode=0o770)
        for file in FILES:
            _copy(state_dir / file, making / file)
        _sync(making)
        making.rename(home / name)
        _sync(home)
        _prune(home, state_dir)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(making, ignore_errors=True)
        raise NotCopied(str(getattr(error, "strerror", None) or error)) from error
    except NotCopied:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return Copy(_at(name), home / name)


def damage(path: Path, *, thorough: bool = False) -> str:
    """What SQLite itself finds wrong with a file; empty when nothing is. Raises sqlite3.Error where it cannot be asked."""
    check = "integrity_check" if thorough else "quick_check"
    with closing(connect(uri_to_read(path))) as connection:
        said = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
    return "" if said == "ok" else said


def _copy(source: Path, target: Path) -> None:
    """One step in one reading transaction: nobody who writes waits for it, and none of their writing is half in it."""
    with closing(connect(uri_to_read(source))) as live, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA synchronous = FULL")
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
    target.chmod(FILE_MODE)
    if wrong := damage(target):
        raise NotCopied(f"{source} is damaged: {wrong}")


def _leave_room(state_dir: Path) -> None:
    needed = sum(_size(state_dir / f"{file}{suffix}") for file in FILES for suffix in ("", "-wal"))
    room = os.statvfs(state_dir)
    free = room.f_bavail * room.f_frsize
    if free < needed + LEFT_BYTES:
        raise NotCopied(f"the disk is nearly full: {free >> 20} MB are free, and a copy takes {needed >> 20} MB")


def _make_home(home: Path) -> None:
    """A member of the group may write beside it: root must not be led elsewhere by a link."""
    with suppress(FileExistsError):
        home.mkdir(mode=0o770)
    if not stat.S_ISDIR(home.lstat().st_mode):
        raise NotCopied(f"{home} is not a directory: look at it, and move it away")
    open_to_group(home)


def _prune(home: Path, state_dir: Path) -> None:
    for old in copies(state_dir)[KEPT:]:
        shutil.rmtree(old.directory, ignore_errors=True)
    for cut_off in _cut_off(home):
        shutil.rmtree(cut_off, ignore_errors=True)


def _cut_off(home: Path) -> Iterator[Path]:
    """What a death left half made."""
    return (path for path in home.iterdir() if path.name.endswith(_MAKING))


def _night(now: float) -> float:
    """When the last night began."""
    began = datetime.fromtimestamp(now, UTC).replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (began if began.timestamp() <= now else began - timedelta(days=1)).timestamp()


def _at(name: str) -> float:
    try:
        return datetime.strptime(name, _FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:  # digits that are no date
        return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
