from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.limits import Files
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_MOST = 0.5
_MANY_UNREAPED = 0.5


@observation(early=True)
def limits(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Open files, tasks and processes against their limits, and what they are: a leak, or the load."""
    del config
    unit = view.units.get(case.fault.target) if is_unit(case.fault.target) else Unit(name="none.service")
    if not unit.control_group:
        return
    pids = view.processes.pids_in(unit.control_group)
    facts: dict[str, str] = {}
    told: list[str] = []
    files = _files(view, pids, told, facts)
    if files:
        told.append(f"open files of process {files.pid}: {files.used} of {files.limit}")
        if files.full:
            facts |= _full_files(unit, files)
    if room := view.groups.tasks_room(unit.control_group):
        told.append(f"tasks of {room.group}: {room.used} of {room.limit}, {view.groups.refused_forks(unit.control_group)} refused")
    if tasks := view.limits.full_tasks(unit.control_group):
        facts["limits.tasks_full"] = f"{tasks.used} of {tasks.limit} tasks of {tasks.group}"
        facts["limits.advice"] = f"[Service] TasksMax={2 * tasks.limit} in /etc/systemd/system/{unit.name}.d/limits.conf"
    if unreaped := _unreaped(view, pids):
        told.append(f"{unreaped} processes of it have ended and were not reaped")
        if tasks and unreaped > _MANY_UNREAPED * tasks.limit:
            facts["limits.unreaped"] = str(unreaped)
    if facts:
        with suppress(OSError, Unavailable):
            clients, holds = _served(view, unit, pids), tasks.used if tasks else files.used if files else 0
            facts["limits.are"] = "connections" if clients > _MOST * holds else "its own"
    if unit.main_pid and (account := view.limits.full_account(unit.main_pid)):
        facts["limits.processes_full"] = f"{account[0]} of {account[1]} processes of its account"
    yield Evidence(source="limits", text="\n".join(told + [f"{name}: {value}" for name, value in facts.items()]), facts=facts)


def _files(view: View, pids: tuple[int, ...], told: list[str], facts: dict[str, str]) -> Files | None:
    try:
        return view.limits.nearest_files(pids)
    except Unavailable as trouble:
        told.append(str(trouble))
        facts["blind.limits"] = "open files"
        return None


def _full_files(unit: Unit, files: Files) -> dict[str, str]:
    return {
        "limits.files_full": f"{files.used} of {files.limit} open files",
        "limits.advice": f"[Service] LimitNOFILE={_next(files.limit)} in /etc/systemd/system/{unit.name}.d/limits.conf",
    }


def _served(view: View, unit: Unit, pids: tuple[int, ...]) -> int:
    """How many of its descriptors are clients that are connected: those are load. What the other side has closed is a leak."""
    ports = tuple({listener.port for listener in view.sockets.listeners() if listener.port})
    alive = {one.inode for one in view.sockets.connections(ports) if one.inode and not one.closed}
    return sum(inode in alive for inode in view.insides.sockets(unit.name, pids))


def _unreaped(view: View, pids: tuple[int, ...]) -> int:
    return sum(count for parent, count in view.processes.unreaped().items() if parent in pids)


def _next(limit: int) -> int:
    """The usual size above: what a person would write."""
    return max(1024, 1 << (2 * limit - 1).bit_length())
