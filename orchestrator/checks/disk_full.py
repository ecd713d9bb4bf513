"""A file system without room: bytes or inodes."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import Mount, NoRight, Unavailable, Usage, View
from orchestrator.model import Fault, Severity

_WATCHED_TYPES = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "reiserfs", "jfs", "overlay", "tmpfs"))
"""File systems that hold what services write. An image (squashfs, iso9660) is full by nature."""
_UNDECLARED_PERCENT = 95.0
_CRITICAL_PERCENT = 98.0


@check(deadline=15)
def disk_full(view: View, config: Config) -> Iterator[Fault]:
    """A file system that is out of space or of inodes."""
    limits = {disk.mount: disk.max_used_percent for disk in config.disk}
    hanging: list[str] = []
    blind = None
    for mount in _writable(view, limits):
        try:
            usage = view.mounts.usage(mount.point)
        except NoRight as trouble:
            blind = trouble
            continue
        except Unavailable:
            hanging.append(mount.point)
            continue
        yield from _faults(mount.point, usage, limits.get(mount.point, _UNDECLARED_PERCENT))
    for point in hanging:  # law 9: a mount that hangs is a fault, and is not asked again until it answers
        yield Fault(
            check="disk_full",
            target=point,
            reason="MountHangs",
            message=f"the file system on {point} does not answer",
            severity=Severity.CRITICAL,
        )
    if blind and not hanging:
        raise blind


def is_full(view: View, config: Config, path: str) -> bool:
    """Whether the file system that holds the path is out of room by the limits of this check. Raises Unavailable."""
    mount = view.mounts.of_path(path)
    points = {other.point for other in view.mounts.list() if other.device == mount.device}
    limit = min((disk.max_used_percent for disk in config.disk if disk.mount in points), default=_UNDECLARED_PERCENT)
    return any(_faults(mount.point, view.mounts.usage(mount.point), limit))


def _writable(view: View, limits: dict[str, float]) -> Iterator[Mount]:
    """Each file system once, by the mount that users see: the last one on a point, and no second bind of the same device."""
    mounts = view.mounts.list()
    on_point = {mount.point: mount for number, mount in enumerate(mounts) if not _is_covered(mount, mounts[number + 1 :])}
    seen: set[str] = set()
    for point, mount in sorted(on_point.items(), key=lambda item: (item[0] not in limits, len(item[0]))):
        if point in limits or (mount.fstype in _WATCHED_TYPES and not mount.read_only and mount.device not in seen):
            seen.add(mount.device)
            yield mount


def _is_covered(mount: Mount, later: tuple[Mount, ...]) -> bool:
    """Whether a later mount lies over a directory above it: then no path leads there any more."""
    return any(mount.point.startswith(f"{other.point.rstrip('/')}/") for other in later)


def _faults(point: str, usage: Usage, limit: float) -> Iterator[Fault]:
    for reason, percent, what in (("NoSpace", usage.used_percent, "space"), ("NoInodes", usage.inodes_percent, "inodes")):
        if percent >= limit:
            yield Fault(
                check="disk_full",
                target=point,
                reason=reason,
                message=f"{point} uses {percent:.0f} % of its {what}; the limit is {limit:.0f} %",
                severity=Severity.CRITICAL if percent >= _CRITICAL_PERCENT else Severity.HIGH,
            )
            return
