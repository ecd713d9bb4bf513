"""What an incident may touch: its target, what that needs, what needs it, and what the operator declared for them (law 5)."""

from contextlib import suppress

from orchestrator.actions.good_files import config_files, owned_files, working_units
from orchestrator.checks.certificate_standing import key_of, unit_of
from orchestrator.checks.mount_stale import server_of
from orchestrator.checks.unit_inactive import declared_dependencies, stands_beneath
from orchestrator.config import Config, Service
from orchestrator.host import Unavailable, Unit, View, jobs, places
from orchestrator.host.graph import mount_unit
from orchestrator.host.logins import NOLOGIN
from orchestrator.host.named_files import named_files
from orchestrator.host.provenance import programs_of
from orchestrator.host.room import big_files
from orchestrator.model import Fault, Scope, is_unit
from orchestrator.roots import below_of, full_places, unit_behind


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
    unit = unit_behind(fault.target, view)
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
        paths=(
            *_declared_paths(service, view),
            *needed,
            *_own_directories(unit),
            *_named(unit, service, view),
            *room,
            *(() if is_unit(fault.target) else (NOLOGIN,)),
        ),
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
    found = []
    for service in services:
        with suppress(Unavailable):
            found += [service.target] if stands_beneath(view, unit_behind(service.target, view), service, unit.where) else []
    return tuple(found)


def _writers(point: str, view: View, config: Config) -> tuple[str, ...]:
    """The declared services that write to a file system of their own; the root's is everybody's, and tells nothing of one."""

    def points(service: Service) -> tuple[str, ...]:
        with suppress(Unavailable):
            return places.mounts_of(view, unit_behind(service.target, view), service)
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


def _named(unit: Unit, service: Service | None, view: View) -> tuple[str, ...]:
    """What its program and its configuration name, while it is down; what nobody tells now is no reason to know nothing of the rest."""
    if unit.running:
        return ()
    judged: tuple[str, ...] = ()
    with suppress(Unavailable):
        judged = config_files(service, view) if service else ()
    with suppress(Unavailable):
        return named_files(view, unit, judged, partly=True)
    return ()


def _own_directories(unit: Unit) -> tuple[str, ...]:
    """Where its pid, lock and socket files may lie, and what systemd makes for it."""
    sockets = tuple(address for address in unit.listen if address.startswith("/"))
    made = (*unit.state_directories, *unit.cache_directories, *unit.logs_directories, *unit.runtime_directories)
    return (*made, *((unit.pid_file,) if unit.pid_file else ()), *sockets)
