"""Who has what a unit needs to start: its port, the lock on its file, or, for a job, an earlier run of its own program.

Only what the kernel says counts: who listens, who holds a lock, what a process runs. A program that merely says so does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator.config import Service
from orchestrator.host.processes import Process
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Rival:
    kind: Literal["port", "connection", "lock", "run"]
    what: str
    """The port, or the file; of a run the program."""
    process: Process

    @property
    def told(self) -> str:
        process = self.process
        return f"{process.comm} (pid {process.pid}, {process.unit or 'no unit'}) {_HAS[self.kind]} {self.what}"


_HAS = {
    "port": "listens on port",
    "connection": "has a connection whose local end is port",
    "lock": "holds the lock on",
    "run": "is a run of",
}


def rivals(view: View, unit: Unit, service: Service | None) -> Iterator[Rival]:
    """Others than the unit itself and its own sockets, while it is down. Raises Unavailable."""
    if not unit.down:
        return
    for port in sorted(service.ports) if service else ():
        yield from _on_port(view, unit, port)
    lockable = _lockable(view, unit, service)
    for path, pid in (view.open_files.lockers(lockable) if lockable else {}).items():
        if process := view.processes.get(pid):
            yield Rival("lock", path, process)
    if is_job(unit):
        yield from _earlier_runs(view, unit)


def is_job(unit: Unit) -> bool:
    """It does its work and ends: being inactive is no outage."""
    return unit.type == "oneshot" and not unit.remain_after_exit


def own_socket(view: View, unit: Unit, port: int) -> bool:
    """Whether it is a socket unit of its own, held by PID 1, that listens on the port."""
    return any(address.endswith(f":{port}") for name in unit.triggered_by for address in view.units.get(name).listen)


def _on_port(view: View, unit: Unit, port: int) -> Iterator[Rival]:
    process = view.sockets.holder_of_port(port)
    if process is not None:
        if process.unit != unit.name and not (process.pid == 1 and own_socket(view, unit, port)):
            yield Rival("port", str(port), process)
        return
    for connection in view.sockets.connections((port,)):
        owner = view.sockets.owner(connection.inode) if connection.inode else None
        if owner and owner.unit != unit.name:
            yield Rival("connection", str(port), owner)
            return


def _lockable(view: View, unit: Unit, service: Service | None) -> tuple[str, ...]:
    """Its declared files, its pid file, and what lies in its runtime directories."""
    named = (*((*service.files, service.pid_file or "") if service else ()), unit.pid_file)
    inside = []
    for directory in unit.runtime_directories:
        if (state := view.files.look(directory)) and state.kind == "dir":
            inside += [f"{directory}/{name}" for name in view.files.entries(directory, _ENTRIES)]
    return tuple(dict.fromkeys(path for path in (*named, *inside) if path))


def _earlier_runs(view: View, unit: Unit) -> Iterator[Rival]:
    """A process that runs the job's own program elsewhere, and holds a lock: the next runs wait for it, or give up."""
    for process in view.processes.all() if unit.programs else ():
        program = next((name for name in unit.programs if name in (process.exe, *process.argv[:2])), "")
        if program and process.unit != unit.name and view.open_files.holds_a_lock(process.pid):
            yield Rival("run", program, process)
