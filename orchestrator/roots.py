"""Faults to incidents: what an incident may touch, and which of several faults is the root of the others (law 3)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache

from orchestrator.actions.good_files import config_files, owned_files, working_units
from orchestrator.checks.certificate_standing import key_of, unit_of
from orchestrator.checks.kernel_messages import was_mounted
from orchestrator.checks.mount_stale import server_of
from orchestrator.checks.mount_wrong import PASSING
from orchestrator.checks.unit_inactive import declared_dependencies, stands_beneath
from orchestrator.config import Config, Service
from orchestrator.host import Unavailable, Unit, View, jobs, places
from orchestrator.host.graph import mount_unit
from orchestrator.host.logins import NOLOGIN
from orchestrator.host.provenance import programs_of
from orchestrator.host.room import big_files
from orchestrator.host.unit import CLOSED_FOR_ITS_SERVICE
from orchestrator.model import Fault, Scope, is_unit

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
    needed = below(fault.target)
    deeper = [other for other in faults if other.target in needed and other.target != fault.target and _explains(other, fault)]
    # The farthest down is the nearest to the cause.
    return max(deeper, key=lambda other: (needed.index(other.target), -_rank(other)), default=None)


def _explains(root: Fault, fault: Fault) -> bool:
    """A certificate explains that clients turn away and that its own renewal failed; not that its server crashed or hangs.

    A socket that systemd closed because the service behind it did not start is no cause of that service's fault: it is the other way.
    """
    if root.facts.get("result") == CLOSED_FOR_ITS_SERVICE:
        return False
    return root.check != "certificate" or fault.reason.startswith("Certificate") or fault.target == root.facts.get("renew_unit")


def _rank(fault: Fault) -> int:
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
    named = set(places.paths(view, _unit_of(target, view), config.service_of(target)))
    for point in sorted(points):
        if any(places.is_beneath(path, point) for path in named):
            yield from (point, mount_unit(point))


def points_of(target: str, view: View, config: Config) -> tuple[str, ...]:
    """The mount points that a unit or service has to do with, and those that everybody has."""
    unit = _unit_of(target, view)
    found = {view.mounts.of_path(path).point for path in EVERYBODY_WRITES}
    with suppress(Unavailable):
        found |= set(places.mounts_of(view, unit, config.service_of(target)))
    return tuple(sorted(found))


def scope_of(fault: Fault, view: View, config: Config) -> Scope:
    """What an incident of this fault may touch: its target, what it needs, what needs it, and what was declared for them."""
    if fault.target.startswith("/") and fault.check == "certificate":
        return _certificate(fault.target, view, config)
    if fault.target.startswith("/") and fault.check == "log_pattern":
        return Scope(target=fault.target, paths=(fault.target,))
    if fault.target.startswith("/") and fault.check == "names_fail":
        return _name_file(fault.target, view, config)
    if fault.target.startswith("/"):
        return _place(fault.target, view, config)
    unit = _unit_of(fault.target, view)
    service = config.service_of(fault.target) or jobs.declared(unit, config) or config.service_of(fault.facts.get("service", ""))
    room = (path for point in full_places(fault.target, view, config) for path in _cleanable(point, view, config))
    circle = tuple(name for name in fault.facts.get("cycle", "").split() if name != fault.target)
    below = tuple(dict.fromkeys((*below_of(view, config)(fault.target), *circle)))
    needed = (path for name in below for path in _declared_paths(config.service_of(name), view))
    above = _above(fault.target, view, config) if is_unit(fault.target) else ()
    return Scope(
        target=fault.target,
        below=below,
        above=tuple(dict.fromkeys((*above, *_beneath(unit, view, config), *_renewals(fault, config)))),
        service=service.name if service else None,
        paths=(*_declared_paths(service, view), *needed, *_own_directories(unit), *room, *(() if is_unit(fault.target) else (NOLOGIN,))),
    )


def _certificate(file: str, view: View, config: Config) -> Scope:
    """A certificate: its file and key, who serves it with the service that this is, and what renews it."""
    declared = config.certificates_of(file)
    with suppress(Unavailable):
        units = [unit.name for unit in (unit_of(view, item) for item in declared) if unit.load_state == "loaded"]
        service = next(filter(None, map(config.service_of, units)), None)
        renewals = [item.renew_unit for item in declared if item.renew_unit]
        keys = [key for item in declared if (key := key_of(view, item))]
        return Scope(
            target=file,
            above=tuple(dict.fromkeys((*units, *renewals))),
            service=service.name if service else None,
            paths=tuple(dict.fromkeys((file, *keys))),
        )
    return Scope(target=file, paths=(file,))


def _name_file(path: str, view: View, config: Config) -> Scope:
    """A file that says where names are found: itself, and the services that miss theirs."""
    services = sorted(view.names.roots.get(path, ()))
    one = next((service for target in services if (service := config.service_of(target))), None)
    return Scope(target=path, above=tuple(filter(is_unit, services)), service=one.name if one else None, paths=(path,))


def _renewals(fault: Fault, config: Config) -> tuple[str, ...]:
    """What renews the certificates over which clients turn away."""
    declared = config.certificates_of(fault.target) if fault.reason.startswith("Certificate") else ()
    return tuple(item.renew_unit for item in declared if item.renew_unit)


def _place(point: str, view: View, config: Config) -> Scope:
    """A file system: itself, what systemd mounts there, who writes to it, and who holds what takes its room."""
    own, files, units = mount_unit(point), [], []
    with suppress(Unavailable):
        units = [name] if point != "/" and (name := server_of(view, config, point)) else []
    with suppress(Unavailable, OSError):  # also where what is mounted does not answer
        big = big_files(view, point)
        files = [file.path for file in big if not file.deleted]
        holders = (view.processes.get(file.pid) for file in big)
        units += [process.unit for process in holders if process and process.unit.endswith(".service")]
    return Scope(
        target=point,
        below=(own,) if own != "-.mount" else (),
        above=tuple(dict.fromkeys((*_writers(point, view, config), *units))),
        paths=tuple(dict.fromkeys((*((point,) if point != "/" else ()), *files, *_cleanable(point, view, config)))),
    )


def _unit_of(target: str, view: View) -> Unit:
    with suppress(Unavailable):
        if is_unit(target):
            return view.units.get(target)
    return Unit(name=target)


def _above(target: str, view: View, config: Config) -> tuple[str, ...]:
    """What stands on a unit, by systemd's word and the operator's, and who misses the answers of a resolver."""
    above: tuple[str, ...] = ()
    with suppress(Unavailable):
        above = view.units.above(target)
    clients = (name for name, needs in declared_dependencies(config).items() if target in needs)
    return tuple(dict.fromkeys((*above, *clients, *filter(is_unit, sorted(view.names.roots.get(target, ()))))))


def _beneath(unit: Unit, view: View, config: Config) -> tuple[str, ...]:
    """The declared services that have to do with what lies where a mount unit mounts."""
    if not unit.name.endswith(".mount") or not unit.where:
        return ()
    services = [service for service in config.service if service.unit and service.unit != unit.name]
    return tuple(service.target for service in services if stands_beneath(view, _unit_of(service.target, view), service, unit.where))


def _writers(point: str, view: View, config: Config) -> tuple[str, ...]:
    """The declared services that write to a file system of their own; the root's is everybody's, and tells nothing of one."""

    def points(service: Service) -> tuple[str, ...]:
        with suppress(Unavailable):
            return places.mounts_of(view, _unit_of(service.target, view), service)
        return ()

    return tuple(service.target for service in config.service if point in points(service))


def _cleanable(mount: str, view: View, config: Config) -> tuple[str, ...]:
    """The declared places that lie on a full mount, and the journal's own if it does."""
    places = (*(item.path for item in config.path), "/var/log/journal", "/run/log/journal")
    return tuple(place for place in places if view.mounts.of_path(place).point == mount)


def _declared_paths(service: Service | None, view: View) -> tuple[str, ...]:
    """What was declared for a service and what its unit names: configuration, directories, program; also what of that is gone."""
    if service is None:
        return ()
    pid_file = (service.pid_file,) if service.pid_file else ()
    try:
        programs = (path for unit in working_units(service, view) for path in programs_of(unit))
        return (*config_files(service, view), *owned_files(service, view), *programs, *pid_file)
    except Unavailable:
        return (*service.config_files, *service.files, *pid_file)


def _own_directories(unit: Unit) -> tuple[str, ...]:
    """Where its pid, lock and socket files may lie, and what systemd makes for it."""
    sockets = tuple(address for address in unit.listen if address.startswith("/"))
    made = (*unit.state_directories, *unit.cache_directories, *unit.logs_directories, *unit.runtime_directories)
    return (*made, *((unit.pid_file,) if unit.pid_file else ()), *sockets)
