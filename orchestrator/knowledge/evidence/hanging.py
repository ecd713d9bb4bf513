from collections.abc import Iterator, Sequence
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Process, Unavailable, Unit, View
from orchestrator.host.blocked import stuck_in_kernel, tracer
from orchestrator.host.sock_diag import Connection
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_CHECKS = ("probe_failing", "unit_stuck", "unit_failed")
_HANDSHAKE = 1
"""The kernel counts the handshake as one byte that the peer has taken."""
_IDLE_SECONDS = 2.0
_MANY = 3
_STALLED_PERCENT = 80.0
_PROCESSES = 64


@observation(early=True)
def hanging(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What a service waits for that runs and does not answer: a client, another service, a debugger, the disk."""
    if case.fault.check not in _CHECKS or not is_unit(case.fault.target):
        return
    unit = view.units.get(case.fault.target)
    processes = view.processes.in_cgroup(unit.control_group)[:_PROCESSES]
    facts: dict[str, str] = {}
    if traced := [process for process in processes if tracer(process.pid)]:
        facts["process.traced"] = f"{traced[0].comm} (pid {traced[0].pid}) by process {tracer(traced[0].pid)}"
    if stuck := next((process for process in processes if stuck_in_kernel(process.pid)), None):
        facts["process.uninterruptible"] = f"{stuck.comm} (pid {stuck.pid})"
    if survivors := [process for process in processes if process.state == "D" and _was_killed(unit)]:
        facts["process.undying"] = f"{survivors[0].comm} (pid {survivors[0].pid})"
    for resource in ("io", "memory"):
        pressure = view.groups.pressure(unit.control_group, resource)
        if pressure and pressure.full10 >= _STALLED_PERCENT:
            facts[f"stalled.{resource}"] = f"{pressure.full10:.0f} % of the last 10 s"
    with suppress(Unavailable):
        service = config.service_of(case.fault.target)
        facts |= _awaited(view, unit, processes, tuple(service.ports) if service else ())
    told = "\n".join(f"{name}: {value}" for name, value in facts.items())
    yield Evidence(source="hanging", text=told or "nothing shows what it waits for", facts=facts)


def _was_killed(unit: Unit) -> bool:
    """Whether systemd has sent SIGKILL to all that is still there."""
    return unit.sub_state in ("stop-sigkill", "final-sigkill") or (unit.active_state == "failed" and unit.result == "timeout")


def _awaited(view: View, unit: Unit, processes: Sequence[Process], ports: tuple[int, ...]) -> dict[str, str]:
    """Whom it waits for, by the sockets that its threads read from; mute clients show without that too."""
    facts: dict[str, str] = {}
    awaited: set[int] = set()
    try:
        awaited.update(view.insides.awaited_sockets(unit.name, [process.pid for process in processes]))
    except Unavailable:
        facts["blind.hanging"] = "what its threads wait for"
    connections = view.sockets.connections()
    mute = [one for one in connections if one.port in ports and _is_mute(one, awaited)]
    if len(mute) >= _MANY or any(one.received and one.inode in awaited for one in mute):
        facts["clients.mute"] = _peers(mute)
    asked = [one for one in connections if one.inode in awaited and one.port not in ports]
    if asked:
        facts["hang.waits_for"] = ", ".join(dict.fromkeys(_server(view, one) for one in asked[:5]))
    return facts


def _is_mute(one: Connection, awaited: set[int]) -> bool:
    """A client that was accepted, whose words were all read, and that got no answer since it has not asked to the end.

    A request that hangs in the program looks the same from outside: but then no thread reads from that client any more.
    """
    if one.inode == 0 or one.closed or one.unread or one.sent > _HANDSHAKE:
        return False
    return one.inode in awaited or (one.received == 0 and one.silent_seconds > _IDLE_SECONDS)


def _peers(mute: Sequence[Connection]) -> str:
    hosts = [one.peer for one in mute]
    most = max(hosts, key=hosts.count)
    return f"{len(mute)} open connection{'s' if len(mute) > 1 else ''} without a whole request, {hosts.count(most)} of them from {most}"


def _server(view: View, one: Connection) -> str:
    holder = None
    with suppress(Unavailable):  # a name beside the address
        holder = view.sockets.holder_of_port(one.peer_port) if one.peer.startswith("127.") or one.peer == "::1" else None
    return f"{one.peer}:{one.peer_port}" + (f" ({holder.unit or holder.comm})" if holder else "")
