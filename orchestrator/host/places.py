"""Which file systems a service has to do with, told by what the operator, systemd and the kernel say of it."""

import re
from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Service
from orchestrator.host.errors import Unavailable
from orchestrator.host.mounts import Mount
from orchestrator.host.open_files import OpenFile
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

HOLDING_TYPES = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "reiserfs", "jfs", "overlay", "tmpfs", "vfat")
)
"""File systems that hold what services write. An image (squashfs, iso9660) is full and read-only by nature."""
_PATH = re.compile(r"(?<![\w./-])/[\w.+@-]+(?:/[\w.+@-]+)*")
_CONFIG_BYTES = 64 << 10
_PROCESSES = 20
_NAMED = 10


def written(unit: Unit, service: Service | None) -> tuple[str, ...]:
    """Where a service writes, by declaration: its files, and its own directories."""
    own = (*unit.state_directories, *unit.runtime_directories, *unit.logs_directories, *unit.cache_directories)
    declared = service.files if service else ()
    return tuple(path for path in (*declared, unit.working_directory.lstrip("-!"), *own) if path.startswith("/"))


def mounts_of(view: View, unit: Unit, service: Service | None) -> tuple[str, ...]:
    """The points of the file systems, but the root's, that hold what the service declares, names or has open.

    Raises Unavailable where only the last could tell, and may not be read.
    """
    points = {mount.point for mount in view.mounts.list() if mount.point != "/" and holds_files(mount)}
    found: set[str] = set()
    try:
        found.update(view.mounts.of_path(path).point for path in (paths(view, unit, service) if points else ()))
    except Unavailable:
        if not found & points:
            raise
    return tuple(sorted(found & points))


def at_work_beneath(view: View, unit: Unit, point: str) -> tuple[OpenFile, ...]:
    """What a unit has in hand in a directory that a mount would hide from everybody else; its working directory counts as a log."""
    mount = view.mounts.of_path(point).point
    pids = tuple(view.processes.pids_in(unit.control_group)[:_PROCESSES]) if unit.control_group else ()
    if not pids or mount == point:
        return ()
    inside = {pid for pid, path in view.open_files.paths(unit.name, pids) if is_beneath(path, point)}
    files = view.open_files.of(tuple(inside), mount, unit.name) if inside else ()
    files = tuple(file for file in files if is_beneath(file.path, point))
    return files or tuple(OpenFile(pid, point, 0, deleted=False, writes=True, reads=False, device=0, inode=0) for pid in inside)


def is_beneath(path: str, point: str) -> bool:
    return path == point or path.startswith(f"{point}/")


def holds_files(mount: Mount) -> bool:
    return mount.fstype in HOLDING_TYPES and not mount.point.startswith(("/run/systemd", "/run/credentials", "/run/user"))


def paths(view: View, unit: Unit, service: Service | None) -> Iterator[str]:
    """Every path that the service has to do with. A mere name in a file of its own points at a place; it justifies nothing.

    Raises Unavailable in the end, where what it has open may not be read: what came before stays true.
    """
    yield from written(unit, service)
    yield from (*unit.requires_mounts_for, *unit.environment_paths)
    named = [path for line in unit.exec_start for word in line[1:] for path in _PATH.findall(word)]
    yield from named
    settings = (path for path in named[:_NAMED] if path.startswith("/etc/"))
    for file in dict.fromkeys((*(service.config_files if service else ()), *unit.environment_files, *settings)):
        with suppress(Unavailable):
            yield from _PATH.findall(view.files.read(file, _CONFIG_BYTES).decode(errors="replace"))
    pids = view.processes.pids_in(unit.control_group)[:_PROCESSES]
    yield from (path for _, path in view.open_files.paths(unit.name, pids))
