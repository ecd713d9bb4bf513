"""A mount that is there and not as it was, or gone with nothing that would bring it back, where a declared service stands on it.

One that a unit or fstab describes and that is down is a unit like others: unit_inactive tells it.
"""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.unit_inactive import stands_beneath
from orchestrator.config import Config
from orchestrator.host import Mount, Unavailable, View, mount_options, places
from orchestrator.host.graph import mount_unit
from orchestrator.host.kernel_log import is_read_only
from orchestrator.model import Fault, Severity

PASSING = ("/run", "/proc", "/sys", "/dev")
"""Beneath these mounts come and go."""


@check(on_events=True)
def mount_wrong(view: View, config: Config) -> Iterator[Fault]:
    """A mount that a declared service stands on turned read-only, or is gone."""
    for mount in _read_only(view):
        if mount.point == "/" or _stands_on(view, config, mount.point):
            yield Fault(
                check="mount_wrong",
                target=mount.point,
                reason="TurnedReadOnly",
                message=f"{mount.point} ({mount.source}, {mount.fstype}) turned read-only, and what writes there fails",
                severity=Severity.CRITICAL,
                facts={"mount.by_kernel": "yes" if mount.by_kernel else "no"},
            )
    for point in _gone(view):
        if _stands_on(view, config, point) and not _may_be_unmounted(view, point):
            yield Fault(
                check="mount_wrong",
                target=point,
                reason="MountGone",
                message=f"nothing is mounted on {point} any more, and neither fstab nor a unit says what belongs there",
                severity=Severity.CRITICAL,
            )


def _read_only(view: View) -> Iterator[Mount]:
    """Those that were writable while we looked, and those that their unit wants writable."""
    turned = frozenset(view.mounts.turned_read_only())
    for mount in dict.fromkeys(view.mounts.list()):
        uppermost = mount.read_only and places.holds_files(mount) and view.mounts.of_path(mount.point) == mount
        if uppermost and (mount.by_kernel or _should_be_writable(view, mount, turned)):
            yield mount


def _should_be_writable(view: View, mount: Mount, turned: frozenset[Mount]) -> bool:
    """A part of another file system is often read-only on purpose, a locked device is for ever, and fstab may say `ro` by now."""
    if mount not in turned and (mount.root != "/" or is_read_only(mount.device)):
        return False
    options = mount_options.wanted(view, mount.point)
    return "ro" not in options and (bool(options) or mount in turned)


def _gone(view: View) -> Iterator[str]:
    """Mount points of the time when all was well, which nothing describes that is left. What an automounter brought comes and goes."""
    there = {mount.point for mount in view.mounts.list()}
    for point in sorted(view.baseline.mounts - there):
        unit = view.units.get(mount_unit(point))
        passing = point.startswith(PASSING) or view.mounts.of_path(point).fstype == "autofs"
        if not passing and not unit.fragment_path and not unit.running and view.units.stopped_by_hand(unit) is None:
            yield point


def _may_be_unmounted(view: View, point: str) -> bool:
    """By an administrator; where the witness may not be heard, it may have been one."""
    try:
        return bool(view.by_hand.unmounted(point))
    except Unavailable:
        return True


def _stands_on(view: View, config: Config, point: str) -> bool:
    for service in config.service:
        try:
            if service.unit and stands_beneath(view, view.units.get(service.unit), service, point):
                return True
        except Unavailable:
            continue
    return False
