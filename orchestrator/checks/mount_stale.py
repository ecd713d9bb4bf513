"""A mount that another process or host answered for, and nobody does any more: it is listed as before, and every use of it fails."""

from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks import check
from orchestrator.checks.unit_inactive import stands_beneath
from orchestrator.config import Config
from orchestrator.host import Mount, Unavailable, View
from orchestrator.host.graph import mount_unit
from orchestrator.model import Fault, Severity

_MOST = 50
_REASONS = {
    "dead": ("MountDead", "the process that answered for it has ended"),
    "stale": ("MountStale", "its server does not know it any more"),
    "hangs": ("MountHangs", "nobody answers for it"),
}


@check(every=10, deadline=60, confirm=2, on_events=True)
def mount_stale(view: View, config: Config) -> Iterator[Fault]:
    """A mount of another process or host (FUSE, NFS) that nobody answers for any more."""
    for mount in _asked(view):
        standing = view.mounts.standing(mount.point)
        if standing and (server_of(view, config, mount.point) or _stood_on(view, config, mount.point)):
            reason, told = _REASONS[standing]
            yield Fault(
                check="mount_stale",
                target=mount.point,
                reason=reason,
                message=f"{mount.point} ({mount.fstype}) is mounted and cannot be used: {told}",
                severity=Severity.CRITICAL,
                facts={"mount.type": mount.fstype},
            )


def server_of(view: View, config: Config, point: str) -> str:
    """The unit that brings the mount back: the one that mounts it, or a service whose command line names the point."""
    own = view.units.get(mount_unit(point))
    if own.fragment_path:
        return own.name
    named = {service.unit for service in config.service if service.unit and service.unit.endswith(".service")}
    known = sorted({name for name in (*named, *view.baseline.active) if name.endswith(".service")})
    for name in known:
        unit = view.units.get(name)
        if any(word.rstrip("/") == point for line in unit.exec_start for word in line[1:]):
            return unit.name
    return ""


def _asked(view: View) -> list[Mount]:
    """autofs is left alone: to ask it is to mount what is behind it."""
    found = {mount.point: mount for mount in view.mounts.list() if mount.may_hang and mount.fstype not in ("autofs", "fusectl")}
    return list(found.values())[:_MOST]


def _stood_on(view: View, config: Config, point: str) -> bool:
    for service in config.service:
        with suppress(Unavailable):
            if service.unit and stands_beneath(view, view.units.get(service.unit), service, point):
                return True
    return False
