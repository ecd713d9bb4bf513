"""A mount that another process or host answered for, and nobody does any more: it is listed as before, and every use of it fails."""

from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks import check
from orchestrator.checks.unit_inactive import stands_beneath
from orchestrator.config import Config
from orchestrator.host import Mount, Partly, Unavailable, Unit, View
from orchestrator.host.graph import mount_unit
from orchestrator.model import Fault, Severity

_MOST = 200
"""So many are asked in one look. Of more each has its turn; one that nobody answered for is asked every time."""
_TURN_SECONDS = 10.0
_REASONS = {
    "dead": ("MountDead", "the process that answered for it has ended"),
    "stale": ("MountStale", "its server does not know it any more"),
    "hangs": ("MountHangs", "nobody answers for it"),
}


@check(every=_TURN_SECONDS, deadline=60, confirm=2, on_events=True)
def mount_stale(view: View, config: Config) -> Iterator[Fault]:
    """A mount of another process or host (FUSE, NFS) that nobody answers for any more."""
    blind: dict[str, str] = {}
    for mount in _asked(view):
        try:
            standing = view.mounts.standing(mount.point)
        except Unavailable as reason:
            blind[mount.point] = str(reason)
            continue
        if standing and (server_of(view, config, mount.point) or _stood_on(view, config, mount.point)):
            why, told = _REASONS[standing]
            yield Fault(
                check="mount_stale",
                target=mount.point,
                reason=why,
                message=f"{mount.point} ({mount.fstype}) is mounted and cannot be used: {told}",
                severity=Severity.CRITICAL,
                facts={"mount.type": mount.fstype},
            )
    if blind:  # said last: what was seen of the others counts
        raise Partly(next(iter(blind.values())), blind)


def server_of(view: View, config: Config, point: str) -> str:
    """The unit that brings the mount back: the one that mounts it, or the service that serves it."""
    own = view.units.get(mount_unit(point))
    if own.fragment_path:
        return own.name
    mount = view.mounts.of_path(point)
    named = {service.unit for service in config.service if service.unit}
    known = sorted({name for name in (*named, *view.baseline.active) if name.endswith(".service")})
    return next((name for name in known if mount.point == point and serves(view.units.get(name), mount)), "")


def serves(unit: Unit, mount: Mount) -> bool:
    """Whether a command line of the unit makes this mount: it names the point, and what is mounted there.

    Who only uses it may name the point as well. What is mounted is known by the source (`sshfs box:/x /srv/x`), or by the
    program's own name, which fuse file systems bear (`fuse.sshfs`).
    """
    for line in unit.exec_start:
        words = [word.rstrip("/") for text in line for word in text.split()]
        programs = {word.rpartition("/")[2] for word in words}
        if mount.point in words[1:] and (mount.source.rstrip("/") in words or mount.fstype.partition(".")[2] in programs):
            return True
    return False


def _asked(view: View) -> list[Mount]:
    """autofs is left alone: to ask it is to mount what is behind it."""
    found = {mount.point: mount for mount in view.mounts.list() if mount.may_hang and mount.fstype not in ("autofs", "fusectl")}
    known = [found.pop(point) for point in view.mounts.dead() if point in found]
    others = list(found.values())
    first = int(view.now() // _TURN_SECONDS) * _MOST % len(others) if len(others) > _MOST else 0
    return [*known, *(others[first:] + others[:first])[:_MOST]]


def _stood_on(view: View, config: Config, point: str) -> bool:
    for service in config.service:
        with suppress(Unavailable):
            if service.unit and stands_beneath(view, view.units.get(service.unit), service, point):
                return True
    return False
