"""A damaged file is put aside, and the newest good copy takes its place: each step can be cut short, and is taken up again.

What is put aside lies in `damaged/`, a directory for each time, with `told.json`: what was damaged, which copy came in its
place, and from when to when what was written is lost. The sequences of the copy go on far beyond those of the lost rows: a
number that an escalation, a mail or the hands' record still knows is never given to anything else.
"""

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from orchestrator.model import Word, utc
from orchestrator.store.copies import FILES, Copy, copies, damage
from orchestrator.store.files import BESIDE, FILE_MODE, open_to_group
from orchestrator.store.ledger import connect
from orchestrator.store.words import StoreDamaged, StoreUnusable

log = logging.getLogger(__name__)

KEPT = 3
"""Damaged files: one that breaks at every start must not fill the disk."""
JUMP = 100_000
"""Numbers that are left out: more than can have been given since the last copy."""
_NUMBERED = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_UNDER_WAY = ".under-way"


class PutBack(Word):
    """What became of a damaged file."""

    file: str = Field(pattern=r"^(tasks|escalations)\.db$")
    why: str
    kept_as: str
    """The directory where it lies now."""
    lost_from: str
    """When the copy was made that took its place."""
    lost_to: str
    """When the damaged file was written last."""


def put_back(damaged: StoreDamaged, now: float) -> PutBack:
    """With the lock held. Raises StoreUnusable where no copy is good: then nothing was moved."""
    state_dir, name = damaged.path.parent, damaged.path.name
    aside = state_dir / "damaged" / f"{datetime.fromtimestamp(now, UTC).strftime(_FORMAT)}-{name}"
    try:
        copy = _newest_good(state_dir, name)
        if copy is None:
            raise StoreUnusable(f"{damaged}; none of the copies in {state_dir / 'backup'} can take its place")
        told = PutBack(file=name, why=str(damaged), kept_as=str(aside), lost_from=utc(copy.at), lost_to=_written_last(damaged.path))
        _begin(aside, told, copy)
        _finish(state_dir, aside, told)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(f"{damaged}; no copy could be put in its place: {getattr(error, 'strerror', None) or error}") from error
    return told


def take_up(state_dir: Path) -> None:
    """Before a file is opened: what a death cut short is brought to its end. Raises StoreUnusable."""
    try:
        for aside in _all_aside(state_dir):
            if aside.name.endswith(_UNDER_WAY):
                told = _told(aside)
                if told is None or (not (aside / "in-its-place").exists() and not (aside / told.file).exists()):
                    shutil.rmtree(aside)  # it had not begun to move anything
                else:
                    _finish(state_dir, aside.with_name(aside.name.removesuffix(_UNDER_WAY)), told)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(f"{state_dir / 'damaged'}: {getattr(error, 'strerror', None) or error}") from error


def put_back_so_far(state_dir: Path) -> tuple[PutBack, ...]:
    """The oldest first."""
    with suppress(OSError):
        return tuple(told for aside in _all_aside(state_dir) if not aside.name.endswith(_UNDER_WAY) and (told := _told(aside)))
    return ()


def is_emptied(path: Path) -> bool:
    """SQLite takes a file without a byte for a new database: where there are copies, it is one that lost all."""
    try:
        sizes = [file.stat().st_size for suffix in BESIDE[:2] if (file := path.with_name(path.name + suffix)).exists()]
    except OSError:
        return False
    return bool(sizes) and not any(sizes) and bool(copies(path.parent))


def suspect(path: Path) -> None:
    """SQLite met damage while it ran: at the next start all of the file is looked at, and not its pages alone."""
    with suppress(OSError):
        path.with_name(f"{path.name}.suspect").touch(mode=FILE_MODE)


def look_into_suspects(state_dir: Path) -> Iterator[StoreDamaged]:
    """Those of the suspected files that really are broken."""
    for name in FILES:
        path, mark = state_dir / name, state_dir / f"{name}.suspect"
        if is_emptied(path):
            yield StoreDamaged(f"{path} is empty, and was not", path)
        elif mark.exists():
            with suppress(sqlite3.Error):  # whoever opens it next says the same
                if wrong := damage(path, thorough=True):
                    yield StoreDamaged(f"{path} is damaged ({wrong})", path)
            mark.unlink(missing_ok=True)


def _begin(aside: Path, told: PutBack, copy: Copy) -> None:
    """All that the swap needs lies ready, on disk, before anything is moved; `in-its-place` is whole or not there."""
    aside.parent.mkdir(mode=0o770, exist_ok=True)
    open_to_group(aside.parent)
    under_way = aside.with_name(aside.name + _UNDER_WAY)
    under_way.mkdir(mode=0o770)
    new = under_way / "making"
    shutil.copyfile(copy.directory / told.file, new)
    new.chmod(FILE_MODE)
    _jump(new)
    (under_way / "told.json").write_text(told.model_dump_json(), encoding="utf-8")
    os.sync()
    new.rename(under_way / "in-its-place")


def _finish(state_dir: Path, aside: Path, told: PutBack) -> None:
    """The damaged file goes with its log: a log beside another file than its own would break that one too."""
    under_way, path = aside.with_name(aside.name + _UNDER_WAY), state_dir / told.file
    if (under_way / "in-its-place").exists():
        for suffix in reversed(BESIDE):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(under_way / (told.file + suffix))
        (under_way / "in-its-place").rename(path)
    under_way.rename(aside)
    os.sync()
    for old in _all_aside(state_dir)[:-KEPT]:
        log.warning("%s is removed: the last %d damaged files are kept", old, KEPT)
        shutil.rmtree(old, ignore_errors=True)


def _newest_good(state_dir: Path, name: str) -> Copy | None:
    for copy in copies(state_dir):
        with suppress(sqlite3.Error):
            if not damage(copy.directory / name):
                return copy
        log.warning("%s is damaged too", copy.directory / name)
    return None


def _jump(path: Path) -> None:
    with closing(connect(f"{path.absolute().as_uri()}?mode=rw")) as connection:
        for (table,) in connection.execute(_NUMBERED).fetchall():
            if not connection.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (JUMP, table)).rowcount:
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, JUMP))


def _written_last(path: Path) -> str:
    """By the file or its log, whichever is younger."""
    files = (path.with_name(path.name + suffix) for suffix in BESIDE[:2])
    return utc(max((file.stat().st_mtime for file in files if file.exists()), default=0.0))


def _all_aside(state_dir: Path) -> list[Path]:
    """The oldest first."""
    folder = state_dir / "damaged"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _told(aside: Path) -> PutBack | None:
    try:
        return PutBack.model_validate_json((aside / "told.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError, json.JSONDecodeError):
        return None
