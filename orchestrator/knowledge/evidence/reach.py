import errno
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.config import Config, HttpProbe, Service, TcpProbe
from orchestrator.host import Listener, Unit, View, ways
from orchestrator.host.last_words import last_words
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.knowledge.signs import signs_in
from orchestrator.model import Case, Evidence, is_unit

_NOT_LET_IN = (errno.ETIMEDOUT, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EACCES)
_MOST = 8
_LINES = 20
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]{2,39}\]")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  # read, not bound


@observation(early=True)
def reach(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether the way to the service's ports is open: what lies between a healthy program and its user is no fault of the program."""
    service = config.service_of(case.fault.target)
    ends = _ends(service) if service else ()
    facts = dict(found for host, port in ends[:_MOST] if (found := _obstacle(view, host, port)))
    if is_unit(case.fault.target) and (address := _refused_address(view, unit_of(case, view))):
        facts["address.missing"] = address
    if not ends and not facts:
        return
    told = "\n".join(f"{name}: {words}" for name, words in facts.items())
    yield Evidence(source="reach", text=told or "who listens can be reached", facts=facts)


def _ends(service: Service) -> tuple[tuple[str, int], ...]:
    """Where its users knock: the addresses of its probes, as far as they are written in numbers, and its port on this host."""
    ends: list[tuple[str, int]] = []
    for probe in service.probes:
        if isinstance(probe, HttpProbe):
            url = urlsplit(probe.http)
            ends.append((url.hostname or "", url.port or (443 if url.scheme == "https" else 80)))
        elif isinstance(probe, TcpProbe):
            host, _, port = probe.tcp.rpartition(":")
            ends.append((host.strip("[]"), int(port)))
    if service.port and service.port not in (port for _, port in ends):
        ends.append(("127.0.0.1", service.port))
    numbers = (("127.0.0.1" if host == "localhost" else host, port) for host, port in ends)
    return tuple(dict.fromkeys(end for end in numbers if ways.family_of(end[0])))


def _obstacle(view: View, host: str, port: int) -> tuple[str, str] | None:
    """What one knock tells; None when it is let in, or nobody is there."""
    if not ways.is_ours(host):
        return "address.missing", host
    before = _listening(view, port)
    code = ways.knock(host, port)
    if code == errno.EADDRNOTAVAIL:
        return "ports.used_up", f"{ways.local_ports()}, and none of them is free for a connection to {host}:{port}"
    if code not in _NOT_LET_IN:
        return None
    after = {listener.inode: listener for listener in _listening(view, port)}
    stayed = [after[listener.inode] for listener in before if listener.inode in after]
    here = [listener for listener in stayed if listener.address in (host, *_WILDCARDS)]
    if any(listener.queue < listener.backlog for listener in here):  # a full queue drops too, and is a hang
        rule = ways.refusing_rule(port)
        return "port.shut", f"{host}:{port} is listened on, and the kernel lets no connection through" + (f" ({rule})" if rule else "")
    if stayed and not here and code == errno.ECONNREFUSED:
        return "port.elsewhere", f"{', '.join(sorted({listener.address for listener in stayed}))} and not on {host} (port {port})"
    return None


def _refused_address(view: View, unit: Unit) -> str:
    """The address that the program said it could not have, if this host really has it not."""
    if unit.running:
        return ""
    heard = last_words(view.journal.tail(unit.name, lines=_LINES), unit)
    for line in reversed(heard):
        if "log.address_unavailable" in signs_in(line.message):
            named = (word.strip("[]") for word in _ADDRESS.findall(line.message))
            return next((address for address in named if ways.family_of(address) and not ways.is_ours(address)), "")
    return ""


def _listening(view: View, port: int) -> tuple[Listener, ...]:
    """Asked before and after the knock: a service that restarts just now refuses nobody."""
    return tuple(listener for listener in view.sockets.listeners() if listener.port == port)
