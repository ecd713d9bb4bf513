"""What declared services ask for: the names of hosts and the ports of this one that stand in their configuration and their probes."""

from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import CommandProbe, Config, HttpProbe, Service, TcpProbe
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.names import Needs, local_ports_in, names_in, names_of_command

_FILES, _BYTES = 20, 64 << 10


def learn(view: View, config: Config) -> None:
    """Read anew what the declared services ask for; what cannot be read now is as it was."""
    needs, asks = dict(view.names.needs), dict(view.names.asks)
    served = {port: service.target for service in config.service for port in service.ports}
    for service in config.service:
        with suppress(Unavailable):
            unit = view.units.get(service.unit) if service.unit else Unit(name="none.service")
            text = "\n".join(_texts(view, service, unit))
            names = tuple(dict.fromkeys((*_of_probes(service), *names_in(text))))
            ends = ((port, served.get(port, "")) for port in local_ports_in(text))
            needs[service.target] = Needs(names, service.user or unit.user)
            asks[service.target] = tuple((port, target) for port, target in ends if target != service.target)
    declared = {service.target for service in config.service}
    view.names.needs = {target: found for target, found in needs.items() if target in declared and found.names}
    view.names.asks = {target: found for target, found in asks.items() if target in declared and found}


def _texts(view: View, service: Service, unit: Unit) -> Iterator[str]:
    known = view.servers.of(service.target)
    own = (unit.fragment_path, *unit.drop_ins, *unit.environment_files, *(known.files(view.files) if known else ()))
    for path in [path for path in (*service.config_files, *own) if path][:_FILES]:
        with suppress(Unavailable):
            yield view.files.read(path, _BYTES).decode("utf-8", "replace")


def _of_probes(service: Service) -> Iterator[str]:
    for probe in service.probes:
        match probe:
            case HttpProbe():
                yield from names_in(probe.http)
            case TcpProbe():
                yield from names_in(probe.tcp)
            case CommandProbe():
                yield from names_of_command(probe.command)
