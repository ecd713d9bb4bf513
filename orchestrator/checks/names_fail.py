"""A name that declared services need and that is not found any more: one root, however many services miss it."""

from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks import check
from orchestrator.checks.names_standing import Lost, astray, look_up, marks, missing, troubles
from orchestrator.config import CommandProbe, Config, HttpProbe, Service, TcpProbe
from orchestrator.host import Unavailable, Unit, View, dns, ways
from orchestrator.host.names import RESOLV, Needs, names_in, names_of_command, servers_in
from orchestrator.model import Fault, Severity

_EVERY_SECONDS = 300.0
"""Between two looks at names that nobody complains of; also between two readings of what configurations name."""
_DOUBT_SECONDS = 60.0
_FILES, _BYTES = 20, 64 << 10


@check(every=10, deadline=60, confirm=3, on_events=True)
def names_fail(view: View, config: Config) -> Iterator[Fault]:
    """A name in the configuration of a declared service that was found here before, and is not found any more."""
    names, now = view.names, view.now()
    if now - names.learned_at > _EVERY_SECONDS or now < names.learned_at:
        names.needs, names.learned_at = _learn(view, config), now
    files = marks(view) if names.needs else ()
    if not names.needs or not _is_due(view, files, now):
        return
    names.doubted = {target: since for target, since in names.doubted.items() if _in_doubt(view, config, target, since)}
    targets = tuple(names.needs)
    lost: Lost = missing(view, targets)
    found = tuple(troubles(view, lost, astray(view, tuple(names.doubted))))
    names.roots = {one.root: one.services for one in found}
    if not found and not names.doubted:
        _all_well(view, files, now)
    for one in found:
        needed = ", ".join(sorted(one.services))[:200]
        message = f"{one.message}; needed by {needed}"
        yield Fault(check="names_fail", target=one.root, reason=one.reason, message=message, severity=Severity.HIGH)


def _is_due(view: View, files: tuple[object, ...], now: float) -> bool:
    """The usual look compares six files' states and asks for no name."""
    names = view.names
    if names.roots or names.doubted or files != names.marks or not 0 <= now - names.looked_at < _EVERY_SECONDS:
        return True
    units = tuple(set(names.resolvers.values()))
    return bool(units) and any(line.active_state != "active" for line in view.units.named(units))


def _in_doubt(view: View, config: Config, target: str, since: float) -> bool:
    """Until it has answered its user since; where nobody asks it, for a while."""
    service = config.service_of(target)
    hit = any(target in services for services in view.names.roots.values())
    if service and service.probes:
        return view.answered.get(target, 0.0) < since
    return hit or view.now() - since < _DOUBT_SECONDS


def _all_well(view: View, files: tuple[object, ...], now: float) -> None:
    """What the next looks are compared with; names that were not found yet are asked for as well."""
    names = view.names
    asked = tuple({(name, needs.user) for needs in names.needs.values() for name in needs.names})
    names.found = {**names.found, **{name: found for (name, _), found in look_up(asked).items() if found}}
    if files != names.marks:
        names.resolvers = {**names.resolvers, **dict(_resolvers(view))}
    names.marks, names.looked_at = files, now


def _resolvers(view: View) -> Iterator[tuple[str, str]]:
    """The name servers of this very host, and whose they are."""
    with suppress(Unavailable):
        for server in servers_in(view.files.read(RESOLV).decode("utf-8", "replace")):
            holder = view.sockets.holder_of_datagram(server, dns.PORT) if ways.is_ours(server) else None
            if holder and holder.unit.endswith(".service"):
                yield server, holder.unit


# ---- what services need ----


def _learn(view: View, config: Config) -> dict[str, Needs]:
    needs = {}
    for service in config.service:
        with suppress(Unavailable):
            unit = view.units.get(service.unit) if service.unit else Unit(name="none.service")
            files = (*service.config_files, *filter(None, (unit.fragment_path, *unit.drop_ins, *unit.environment_files)))
            if names := tuple(dict.fromkeys((*_of_probes(service), *_of_files(view, files)))):
                needs[service.target] = Needs(names, service.user or unit.user)
    return needs


def _of_files(view: View, paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths[:_FILES]:
        with suppress(Unavailable):
            yield from names_in(view.files.read(path, _BYTES).decode("utf-8", "replace"))


def _of_probes(service: Service) -> Iterator[str]:
    for probe in service.probes:
        match probe:
            case HttpProbe():
                yield from names_in(probe.http)
            case TcpProbe():
                yield from names_in(probe.tcp)
            case CommandProbe():
                yield from names_of_command(probe.command)
