"""Faults to incidents: which of several faults is the root of the others (law 3)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache

from orchestrator.checks.kernel_messages import was_mounted
from orchestrator.checks.mount_wrong import PASSING
from orchestrator.checks.unit_failed import CRASHES
from orchestrator.checks.unit_inactive import declared_dependencies
from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View, places
from orchestrator.host.graph import mount_unit
from orchestrator.host.unit import CLOSED_FOR_ITS_SERVICE
from orchestrator.model import Fault, is_unit

_PRECEDENCE = (
    "mount_stale",
    "mount_wrong",
    "kernel_messages",
    "disk_full",
    "unit_failed",
    "unit_inactive",
    "unit_crash_loop",
    "service_down",
    "container_unhealthy",
    "timer_idle",
    "job_stuck",
    "cron_ignored",
    "door_gone",
    "probe_failing",
)
"""Two faults of one target are one: the earlier check knows more of the cause."""
_ALONE = ("recurring",)
"""A story of its own, beside the incidents that it is about: nobody's root, and nobody's symptom."""
_MAX_CHAIN = 50
FULL_PERCENT = 99.0
"""Of its space or inodes: so full that who writes there fails."""
EVERYBODYS_SECONDS = 600.0
"""The root file system is under everything: only what the kernel said of it lately speaks of others."""
EVERYBODY_WRITES = ("/", "/run", "/tmp", "/var")  # noqa: S108  # looked at, not written to

Below = Callable[[str], tuple[str, ...]]


def arrange(faults: tuple[Fault, ...], below: Below) -> dict[str, str]:
    """Which fault is a symptom of which: {symptom's key: root's key}. A root is no symptom itself.

    A fault is the symptom of another one whose target it needs, or of one of the same target that knows more.
    """
    faults = tuple(fault for fault in faults if fault.check not in _ALONE)
    if len(faults) < 2:
        return {}  # the usual case asks the host nothing
    parents = {fault.key: parent.key for fault in faults if (parent := _parent(fault, faults, below))}
    return {key: root for key in parents if (root := _follow(key, parents)) != key}


def _parent(fault: Fault, faults: tuple[Fault, ...], below: Below) -> Fault | None:
    same = [other for other in faults if other.target == fault.target and _rank(other) < _rank(fault)]
    if same:
        return min(same, key=_rank)
    needed = (*fault.facts.get("asks", "").split(), *below(fault.target))
    deeper = [other for other in faults if other.target in needed and other.target != fault.target and _explains(other, fault)]
    # The farthest down is the nearest to the cause.
    return max(deeper, key=lambda other: (needed.index(other.target), -_rank(other)), default=None)


def _explains(root: Fault, fault: Fault) -> bool:
    """A certificate explains that clients turn away and that its own renewal failed; not that its server crashed or hangs.

    A socket that systemd closed because the service behind it did not start is no cause of that service's fault: it is the other way.
    """
    if root.facts.get("result") == CLOSED_FOR_ITS_SERVICE:
        return False
    if root.check == "names_fail":  # what crashed comes back without names, however long those are lost
        return fault.facts.get("result") not in CRASHES
    return root.check != "certificate" or fault.reason.startswith("Certificate") or fault.target == root.facts.get("renew_unit")


def _rank(fault: Fault) -> int:
    """What another watcher says comes last: whatever this host sees itself knows more."""
    if fault.check == "alert":
        return len(_PRECEDENCE) + 1
    return _PRECEDENCE.index(fault.check) if fault.check in _PRECEDENCE else len(_PRECEDENCE)


def _follow(key: str, parents: Mapping[str, str]) -> str:
    """The end of the chain; a circle (two services that need each other) ends where it began, and has no root."""
    current = key
    for _ in range(_MAX_CHAIN):
        if current not in parents:
            return current
        current = parents[current]
        if current == key:
            return key
    return key


def below_of(view: View, config: Config, needs: Below | None = None) -> Below:
    """What a target needs, on this host, by systemd's word and the operator's; nothing where systemd cannot say."""
    declared, direct = declared_dependencies(config), needs or cache(view.units.needs)

    def below(target: str) -> tuple[str, ...]:
        if not is_unit(target):
            return declared.get(target, ())
        try:
            return (*view.units.below(target, declared, direct), *_jobs(target, view))
        except Unavailable:
            return declared.get(target, ())

    return below


def _jobs(target: str, view: View) -> tuple[str, ...]:
    """A timer is there for its job: what is wrong with that is the root of what the timer's user misses.

    Likewise a socket that was closed because the service behind it was started too often, and a unit that does nothing itself and
    those that it stands for.
    """
    known = view.servers.of(target)
    workers = tuple(unit for unit in known.units if unit != target) if known else ()
    if not target.endswith((".timer", ".socket")):
        return workers
    unit = view.units.get(target)
    return unit.triggers if target.endswith(".timer") or unit.result == CLOSED_FOR_ITS_SERVICE else ()


def stands_on(view: View, config: Config) -> Below:
    """What can be the root of a target's fault: what it needs, sick file systems below it, what keeps names from being found.

    For one look: where fifty units stand on one mount, what was asked for one is not asked for the next.
    """
    needs, full, sick, lost = below_of(view, config, view.units.needs_lately), cache(_full), cache(_sick), cache(_lost)

    @cache
    def below(target: str) -> tuple[str, ...]:
        found = [*needs(target), *(item.file for item in config.certificates_of(target)), *view.names.roots_of(target)]
        if not target.startswith("/") and (wrong := {*full(view), *sick(view)}):
            found += [point for point in points_of(target, view, config) if point in wrong]
        if not target.startswith("/") and lost(view):
            found += _stood_on(target, lost(view), view, config)
        return tuple(dict.fromkeys(found))

    return below


def full_places(target: str, view: View, config: Config) -> tuple[str, ...]:
    """The mount points without room among those that a unit or service writes to; one that does not answer is another fault."""
    full = _full(view)
    return tuple(point for point in points_of(target, view, config) if point in full) if full else ()


def _full(view: View) -> frozenset[str]:
    found = set()
    for mount in view.mounts.list():
        with suppress(Unavailable):
            if mount.point == "/" or places.holds_files(mount):
                usage = view.mounts.usage(mount.point)
                found |= {mount.point} if max(usage.used_percent, usage.inodes_percent) >= FULL_PERCENT else set()
    return frozenset(found)


def _sick(view: View) -> frozenset[str]:
    """The mounts that turned read-only, or of whose device the kernel reports errors."""
    found = {mount.point for mount in view.mounts.turned_read_only()}
    with suppress(Unavailable):
        for mount in view.mounts.list():
            said = view.kernel_log.of_mount(mount, *((EVERYBODYS_SECONDS,) if mount.point == "/" else ()))
            found |= {mount.point} if any(event.danger and was_mounted(view, mount, event.at) for event in said[-1:]) else set()
    return frozenset(found)


def _lost(view: View) -> frozenset[str]:
    """The mounts that nobody answers for, and those that are gone since all was well."""
    gone = view.baseline.mounts - {mount.point for mount in view.mounts.list()}
    return frozenset({*view.mounts.dead(), *(point for point in gone if not point.startswith(PASSING))})


def _stood_on(target: str, points: frozenset[str], view: View, config: Config) -> Iterator[str]:
    """By the points and by the names of their units: a fault may be told of either."""
    named: set[str] = set()
    with suppress(Unavailable):  # what it names stays true, where what it has open may not be read
        named.update(places.paths(view, unit_behind(target, view), config.service_of(target)))
    for point in sorted(points):
        if any(places.is_beneath(path, point) for path in named):
            yield from (point, mount_unit(point))


def points_of(target: str, view: View, config: Config) -> tuple[str, ...]:
    """The mount points that a unit or service has to do with, and those that everybody has."""
    unit = unit_behind(target, view)
    found = {view.mounts.of_path(path).point for path in EVERYBODY_WRITES}
    with suppress(Unavailable):
        found |= set(places.mounts_of(view, unit, config.service_of(target)))
    return tuple(sorted(found))


def unit_behind(target: str, view: View) -> Unit:
    """The unit that a target is; one of the same name, and nothing else, where it is none or systemd does not say."""
    with suppress(Unavailable):
        if is_unit(target):
            return view.units.get(target)
    return Unit(name=target)
