"""The daemon's own state, as `doctor` looks at it: the directory, its room, the databases and their copies."""

import grp
import os
import shlex
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.cli.daemon_user import DaemonUser, daemon_user
from orchestrator.cli.finding import UNIT, Finding
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.commands import run
from orchestrator.store.copies import FILES, LEFT_BYTES, copies, damage
from orchestrator.store.reserve import Reserve
from orchestrator.store.times import ago

_ROOM_BYTES = 100 << 20
_OLD_COPY_SECONDS = 30 * 3600.0
_JOURNAL = Path("/var/log/journal")


def look_at_directory(view: View, config: Config) -> Iterator[Finding]:
    """That it is there, and whose: the daemon's user must write it, and its group."""
    directory, user = Path(config.daemon.state_dir), daemon_user(view)
    try:
        found = directory.stat()
    except FileNotFoundError:
        yield Finding("state", "bad", f"{directory} does not exist", f"systemctl restart {UNIT}")
        return
    place = shlex.quote(str(directory))
    owned = f"chown {user.name}:{user.group} {place} && " if user else ""
    if user and (user.may("w", directory) is False or user.may("x", directory) is False):
        mend = f"chmod o+x {user.first_closed(directory)}" if user.first_closed(directory) else f"{owned}chmod 2770 {place}"
        yield Finding("state", "bad", f"{directory} cannot be written by {user.name}", f"{mend} && systemctl restart {UNIT}")
    elif stat.S_IMODE(found.st_mode) != 0o2770:
        yield Finding("state", "warn", f"{directory} has mode {stat.S_IMODE(found.st_mode):o}, not 2770", f"chmod 2770 {place}")
    elif not os.access(directory, os.W_OK | os.X_OK):
        yield Finding("state", "bad", f"{directory} cannot be written by you", "sudo orchestrator doctor")
    else:
        yield Finding("state", "ok", f"{directory}, for {user.name if user else view.manager.user} and {_group(found.st_gid)}")
    yield from _files_of_others(directory, user)


def _files_of_others(directory: Path, user: DaemonUser | None) -> Iterator[Finding]:
    """What somebody else made or took: SQLite as root leaves such a log beside the database."""
    if user is None:
        return
    names = [f"{name}{suffix}" for name in FILES for suffix in ("", "-wal", "-shm")] + ["lock", "reserve", "backup", "damaged"]
    there = [directory / name for name in names if os.path.lexists(directory / name)]
    if closed := [path for path in there if user.may("w", path) is False]:
        places = " ".join(shlex.quote(str(path)) for path in closed)
        mend = f"chown -R {user.name}:{user.group} {places} && chmod -R ug+rwX {places} && systemctl restart {UNIT}"
        yield Finding("state", "bad", f"{', '.join(path.name for path in closed)} cannot be written by {user.name}", mend)


def look_at_room(view: View, config: Config) -> Iterator[Finding]:
    """Of the disk that the state lies on, and the reserve for when it has none."""
    del view
    directory = Path(config.daemon.state_dir)
    if not directory.exists():
        return
    usage = os.statvfs(directory)
    room = usage.f_bavail * usage.f_frsize
    if room < _ROOM_BYTES:
        yield Finding("room", "bad", f"{room >> 20} MB are left for the state: what happens may not be written down", _room_made(directory))
    elif usage.f_files and not usage.f_favail:
        yield Finding("room", "bad", "no inode is left for the state", f"du --inodes -x {_mount(directory)} | sort -n | tail -n 20")
    else:
        reserve = "" if Reserve(directory).whole else "; the daemon makes its reserve again when it runs"
        yield Finding("room", "ok", (f"{room >> 30} GB" if room >> 30 else f"{room >> 20} MB") + reserve)


def _room_made(directory: Path) -> str:
    """The journal can be had again by nobody, and is missed least; where that is not what fills the disk, its largest are shown."""
    mount = _mount(directory)
    if _JOURNAL.is_dir() and _mount(_JOURNAL) == mount and _size_of(_JOURNAL) > 2 * _ROOM_BYTES:
        return "journalctl --rotate && journalctl --vacuum-size=64M"
    return f"du -xh --max-depth=3 {shlex.quote(str(mount))} | sort -h | tail -n 20"


def _mount(path: Path) -> Path:
    return next(above for above in (path, *path.parents) if os.path.ismount(above))


def _size_of(folder: Path) -> int:
    result = run(["du", "-sxb", str(folder)], timeout=10)
    return int(result.output.split()[0]) if result.ok and result.output[:1].isdigit() else 0


def _group(gid: int) -> str:
    if gid == 0:
        return "nobody else"
    try:
        return f"the group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"the group {gid}, which has no name"


def look_at_databases(view: View, config: Config) -> Iterator[Finding]:
    """That they are whole, by SQLite's own word, and open to the group."""
    del view
    directory = Path(config.daemon.state_dir)
    for name in FILES:
        path = directory / name
        if not path.exists():
            yield Finding("database", "warn", f"{path} does not exist yet", f"systemctl start {UNIT}")
            continue
        wrong = _damage(path)
        yield Finding("database", "bad" if wrong else "ok", f"{name} {wrong or 'is whole'}", _put_back(path) if wrong else "")
        if stat.S_IMODE(path.stat().st_mode) != 0o660:
            yield Finding("database", "warn", f"{name} has mode {stat.S_IMODE(path.stat().st_mode):o}, not 660", f"chmod 660 {path}")


def _put_back(path: Path) -> str:
    """A start puts the newest good copy in its place; where there is none, a new file is better than no healer."""
    if copies(path.parent):
        return f"systemctl restart {UNIT}"
    aside = f"{path.parent}/damaged-{path.name}"
    return f"systemctl stop {UNIT}; mkdir -p {aside} && mv {path}* {aside}/ && systemctl start {UNIT}"


def look_at_copies(view: View, config: Config) -> Iterator[Finding]:
    """The nightly copy: what is left when a file is damaged."""
    del view
    directory = Path(config.daemon.state_dir)
    found = copies(directory)
    newest = time.time() - found[0].at if found else None
    if newest is not None and newest < _OLD_COPY_SECONDS:
        yield Finding("backup", "ok", f"{len(found)} copies of the databases, the newest from {ago(_utc(found[0].at))}")
    elif (directory / FILES[0]).exists():
        said = f"the newest copy is from {ago(_utc(found[0].at))}" if found else "there is no copy of the databases yet"
        usage = os.statvfs(directory)
        needed = sum((directory / name).stat().st_size for name in FILES if (directory / name).exists()) + LEFT_BYTES
        full = usage.f_bavail * usage.f_frsize < needed
        mend = _room_made(directory) if full else f"journalctl -u {UNIT} -g copied -n 5 --no-pager"
        # A healer that was installed a moment ago has a minute to make its first one.
        yield Finding(
            "backup", "warn" if full or found else "ok", said + (": the disk is nearly full" if full else ""), mend if full or found else ""
        )


def _utc(at: float) -> str:
    from orchestrator.model import utc  # noqa: PLC0415

    return utc(at)


def _damage(path: Path) -> str:
    """What SQLite itself finds wrong; empty when nothing is."""
    try:
        said = damage(path)
    except sqlite3.DatabaseError as error:
        return f"cannot be read: {error}"
    return f"is damaged: {said}" if said else ""
