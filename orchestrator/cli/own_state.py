"""The daemon's own state, as `doctor` looks at it: the directory, its room, the databases."""

import grp
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from orchestrator.cli.finding import UNIT, Finding

_ROOM_BYTES = 100 << 20


def look_at_directory(directory: Path) -> Iterator[Finding]:
    """That it is there, for whom, and with what room."""
    try:
        found = directory.stat()
    except FileNotFoundError:
        yield Finding("state", "bad", f"{directory} does not exist", f"systemctl start {UNIT}")
        return
    if stat.S_IMODE(found.st_mode) != 0o2770:
        yield Finding("state", "warn", f"{directory} has mode {stat.S_IMODE(found.st_mode):o}, not 2770", f"chmod 2770 {directory}")
    elif not os.access(directory, os.W_OK | os.X_OK):
        yield Finding("state", "bad", f"{directory} cannot be written by you", "run as root, or: usermod -aG orchestrator NAME")
    else:
        yield Finding("state", "ok", f"{directory}, for root and {_group(found.st_gid)}")
    usage = os.statvfs(directory)
    room = usage.f_bavail * usage.f_frsize
    if room < _ROOM_BYTES:
        yield Finding("room", "bad", f"{room >> 20} MB are left for the state: what happens may not be written down", f"df -h {directory}")
    else:
        yield Finding("room", "ok", f"{room >> 30} GB" if room >> 30 else f"{room >> 20} MB")


def _group(gid: int) -> str:
    if gid == 0:
        return "nobody else"
    try:
        return f"the group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"the group {gid}, which has no name"


def look_at_databases(directory: Path) -> Iterator[Finding]:
    """That they are whole, by SQLite's own word, and open to the group."""
    for name in ("tasks.db", "escalations.db"):
        path = directory / name
        if not path.exists():
            yield Finding("database", "warn", f"{path} does not exist yet", f"systemctl start {UNIT}")
            continue
        wrong = _damage(path)
        mend = f"systemctl stop {UNIT}; mv {path}* /root/; systemctl start {UNIT}"
        yield Finding("database", "bad" if wrong else "ok", f"{name} {wrong or 'is whole'}", mend if wrong else "")
        if stat.S_IMODE(path.stat().st_mode) != 0o660:
            yield Finding("database", "warn", f"{name} has mode {stat.S_IMODE(path.stat().st_mode):o}, not 660", f"chmod 660 {path}")


def _damage(path: Path) -> str:
    """What SQLite itself finds wrong; empty when nothing is."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)) as connection:
            connection.execute("PRAGMA query_only = ON")
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return f"cannot be read: {error}"
    return "" if said == "ok" else f"is damaged: {said}"
