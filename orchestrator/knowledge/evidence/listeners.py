from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import Process, Unavailable, View
from orchestrator.host.rivals import own_socket
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence


@observation(early=True)
def listeners(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Who holds the service's ports, and whether connections wait there unanswered."""
    service = config.service_of(case.fault.target)
    if service is None or not (ports := sorted(service.ports)):
        return
    facts: dict[str, str] = {}
    told: list[str] = []
    unit = view.units.get(service.unit) if service.unit else None
    for port in ports:
        on_port = view.sockets.on_port(port)
        if not on_port:
            facts["port.free"] = str(port)
            told.append(f"port {port}: nobody listens")
        for listener in on_port:
            try:
                holder = view.sockets.holder(listener)
            except Unavailable:
                holder, facts["blind.listeners"] = None, "who holds it"
            told.append(f"port {port}: held by {_told(holder)}, {listener.queue} of {listener.backlog} connections wait")
            if unit and holder and holder.pid == 1 and own_socket(view, unit, port):
                continue  # its door, which systemd keeps open for it
            if unit and holder and holder.unit != unit.name:
                facts["port.foreign"] = str(port)
                facts["port.holder"] = _name(view, holder, port)
            elif holder and unit and unit.down:
                facts["port.leftover"] = str(port)
            if listener.backlog and listener.queue > listener.backlog:
                facts["port.queue_full"] = str(port)
    yield Evidence(source="listeners", text="\n".join(told), facts=facts)


def _name(view: View, holder: Process, port: int) -> str:
    """What a person knows it by: its unit; for what PID 1 holds, the socket unit."""
    if holder.pid == 1:
        sockets = (line.name for line in view.units.list() if line.name.endswith(".socket") and line.active_state == "active")
        return next((name for name in sockets if any(address.endswith(f":{port}") for address in view.units.get(name).listen)), holder.comm)
    return holder.unit or holder.comm


def _told(holder: Process | None) -> str:
    return f"{holder.comm} (pid {holder.pid}, {holder.unit or 'no unit'})" if holder else "an unknown process"
