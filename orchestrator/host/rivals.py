"""Who has what a unit needs to start: its port, the lock on its file, or is a run of its own program, as with a job's earlier run.

Only what the kernel says counts: who listens, who holds a lock, what a process runs. A program that merely says so does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator.config import Service
from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import clean
from orchestrator.host.named_files import named_files
from orchestrator.host.processes import Process
from orchestrator.host.runs_elsewhere import is_another_units, runs_elsewhere
from orchestrator.host.stale import kind_of
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
        return clean(f"{process.comm} (pid {process.pid}, {process.unit or 'no unit'}) {_HAS[self.kind]} {self.what}")


_HAS = {
    "port": "listens on port",
    "connection": "has a connection whose local end is port",
    "lock": "holds the lock on",
    "run": "is a run of",
}


def rivals(view: View, unit: Unit, service: Service | None) -> Iterator[Rival]:
    """Others than the unit itself and its own sockets, while it is down. Raises Unavailable where none was found, and not all was seen."""
    if not unit.down:
        return
    lockable = _lockable(view, unit, service)
    looks = [*(_on_port(view, unit, port) for port in (sorted(service.ports) if service else ())), _lockers(view, lockable)]
    blind, found = None, False
    for look in (*looks, _other_runs(view, unit, lockable)):
        try:
            for rival in look:
                found = True
                yield rival
        except Unavailable as trouble:
            blind = trouble
    if blind and not found:
        raise blind


def _lockers(view: View, lockable: tuple[str, ...]) -> Iterator[Rival]:
    for path, pid in (view.open_files.lockers(lockable) if lockable else {}).items():
        if process := view.processes.get(pid):
            yield Rival("lock", path, process)


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


def _other_runs(view: View, unit: Unit, lockable: tuple[str, ...]) -> Iterator[Rival]:
    """Of a job an earlier run with a lock, for which the next ones wait or give up.

    Of a service one beside a lock that names nobody, or one that others can reach: it may have the very port that the unit wants.
    """
    runs = runs_elsewhere(view, unit)
    if is_job(unit):
        holding = view.open_files.holding_locks([run.process.pid for run in runs]) if runs else ()
        runs = tuple(run for run in runs if run.process.pid in holding)
    elif runs:
        beside = _has_lock_files(view, unit, lockable)
        runs = tuple(run for run in runs if not is_another_units(view, run.process) and (beside or view.sockets.serves(run.process.pid)))
    yield from (Rival("run", run.program, run.process) for run in runs)


def _has_lock_files(view: View, unit: Unit, lockable: tuple[str, ...]) -> bool:
    """Files or directories whose being there is the lock: the kernel knows nothing of who made them."""
    states = ((path, view.files.look(path)) for path in dict.fromkeys((*lockable, *named_files(view, unit, ()))))
    return any(state and kind_of(path, state) in ("lock", "lock directory") for path, state in states)
