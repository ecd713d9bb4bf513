"""Which file systems a service has to do with, told by what the operator, systemd and the kernel say of it."""

import re
from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Service
from orchestrator.host.errors import Unavailable
from orchestrator.host.mounts import Mount
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

HOLDING_TYPES = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "reiserfs", "jfs", "overlay", "tmpfs", "vfat")
)
"""File systems that hold what services write. An image (squashfs, iso9660) is full and read-only by nature."""
_PATH = re.compile(r"(?<![\w./-])/[\w.+@-]+(?:/[\w.+@-]+)*")
_CONFIG_BYTES = 64 << 10
_PROCESSES = 20


def written(unit: Unit, service: Service | None) -> tuple[str, ...]:
    """Where a service writes, by declaration: its files, and its own directories."""
    own = (*unit.state_directories, *unit.runtime_directories, *unit.logs_directories, *unit.cache_directories)
    declared = service.files if service else ()
    return tuple(path for path in (*declared, unit.working_directory.lstrip("-!"), *own) if path.startswith("/"))


def mounts_of(view: View, unit: Unit, service: Service | None) -> tuple[str, ...]:
    """The points of the file systems, but the root's, that hold what the service declares, names or has open."""
    points = {mount.point for mount in view.mounts.list() if mount.point != "/" and holds_files(mount)}
    if not points:
        return ()
    return tuple(sorted({view.mounts.of_path(path).point for path in paths(view, unit, service)} & points))


def holds_files(mount: Mount) -> bool:
    return mount.fstype in HOLDING_TYPES and not mount.point.startswith(("/run/systemd", "/run/credentials", "/run/user"))


def paths(view: View, unit: Unit, service: Service | None) -> Iterator[str]:
    """Every path that the service has to do with. A mere name in a file of its own points at a place; it justifies nothing."""
    yield from written(unit, service)
    yield from unit.requires_mounts_for
    yield from (word for line in unit.exec_start for word in line[1:] if word.startswith("/"))
    for file in service.config_files if service else ():
        with suppress(Unavailable):
            yield from _PATH.findall(view.files.read(file, _CONFIG_BYTES).decode(errors="replace"))
    for process in view.processes.in_cgroup(unit.control_group)[:_PROCESSES]:
        yield from view.open_files.paths(process.pid)
