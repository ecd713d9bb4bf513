"""Faults to incidents: what an incident may touch, and which of several faults is the root of the others (law 3)."""

from collections.abc import Callable, Mapping

from orchestrator.checks.unit_inactive import declared_dependencies
from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View
from orchestrator.model import Fault, Scope, is_unit

_PRECEDENCE = ("unit_failed", "unit_inactive", "unit_crash_loop", "service_down", "probe_failing")
"""Two faults of one target are one: the earlier check knows more of the cause."""
_MAX_CHAIN = 50

Below = Callable[[str], tuple[str, ...]]


def arrange(faults: tuple[Fault, ...], below: Below) -> dict[str, str]:
    """Which fault is a symptom of which: {symptom's key: root's key}. A root is no symptom itself.

    A fault is the symptom of another one whose target it needs, or of one of the same target that knows more.
    """
    if len(faults) < 2:
        return {}  # the usual case asks the host nothing
    parents = {fault.key: parent.key for fault in faults if (parent := _parent(fault, faults, below))}
    return {key: root for key in parents if (root := _follow(key, parents)) != key}


def _parent(fault: Fault, faults: tuple[Fault, ...], below: Below) -> Fault | None:
    same = [other for other in faults if other.target == fault.target and _rank(other) < _rank(fault)]
    if same:
        return min(same, key=_rank)
    needed = below(fault.target)
    deeper = [other for other in faults if other.target in needed and other.target != fault.target]
    # The farthest down is the nearest to the cause.
    return max(deeper, key=lambda other: (needed.index(other.target), -_rank(other)), default=None)


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


def below_of(view: View, config: Config) -> Below:
    """What a target needs, on this host, by systemd's word and the operator's; nothing where systemd cannot say."""
    declared = declared_dependencies(config)

    def below(target: str) -> tuple[str, ...]:
        if not is_unit(target):
            return declared.get(target, ())
        try:
            return view.units.below(target, declared)
        except Unavailable:
            return declared.get(target, ())

    return below


def scope_of(fault: Fault, view: View, config: Config) -> Scope:
    """What an incident of this fault may touch: its target, what it needs, what needs it, and what was declared for them."""
    service = config.service_of(fault.target)
    if not is_unit(fault.target):
        paths = _cleanable(fault.target, view, config) if fault.target.startswith("/") else _declared_paths(config, fault.target)
        return Scope(
            target=fault.target, service=service.name if service else None, paths=paths, below=below_of(view, config)(fault.target)
        )
    try:
        unit, above = view.units.get(fault.target), view.units.above(fault.target)
    except Unavailable:
        unit, above = Unit(name=fault.target), ()
    clients = tuple(name for name, needs in declared_dependencies(config).items() if fault.target in needs)
    return Scope(
        target=fault.target,
        below=below_of(view, config)(fault.target),
        above=tuple(dict.fromkeys(above + clients)),
        service=service.name if service else None,
        paths=_declared_paths(config, fault.target) + (_unit_paths(unit) if service else _runtime_paths(unit)),
    )


def _cleanable(mount: str, view: View, config: Config) -> tuple[str, ...]:
    """The declared places that lie on a full mount, and the journal's own if it does."""
    places = (*(item.path for item in config.path), "/var/log/journal", "/run/log/journal")
    return tuple(place for place in places if view.mounts.of_path(place).point == mount)


def _declared_paths(config: Config, target: str) -> tuple[str, ...]:
    service = config.service_of(target)
    if service is None:
        return ()
    return (*service.config_files, *service.files, *((service.pid_file,) if service.pid_file else ()))


def _unit_paths(unit: Unit) -> tuple[str, ...]:
    """A declared service's own unit file, drop-ins and environment files: remembered unasked, and restored like its configuration."""
    fragment = (unit.fragment_path,) if unit.fragment_path else ()
    return (*fragment, *unit.drop_ins, *unit.environment_files, *_runtime_paths(unit))


def _runtime_paths(unit: Unit) -> tuple[str, ...]:
    """Where its pid, lock and socket files may lie."""
    sockets = tuple(address for address in unit.listen if address.startswith("/"))
    return (*unit.runtime_directories, *((unit.pid_file,) if unit.pid_file else ()), *sockets)
