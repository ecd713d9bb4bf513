"""Who has what a unit needs to start: its port, the lock on its file, or, for a job, an earlier run of its own program.

Only what the kernel says counts: who listens, who holds a lock, what a process runs. A program that merely says so does not.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.config import Service
from orchestrator.host.errors import Unavailable
from orchestrator.host.processes import Process
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_LOCKS = Path("/proc/locks")
_LOCKS_CHARACTERS = 1 << 20
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
    if service and service.port:
        yield from _on_port(view, unit, service.port)
    for path in _lockable(view, unit, service):
        with suppress(Unavailable):  # of a file on a mount that may hang nobody is asked
            state = view.files.look(path)
            holder = view.files.lock_holder(path) if state and state.kind == "file" else None
            process = view.processes.get(holder) if holder else None
            if process:
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
    if not (holders := _lock_holders()):
        return
    own = view.processes.pids_in(unit.control_group)
    for pid in sorted(holders.difference(own)):
        process = view.processes.get(pid)
        program = next((name for name in unit.programs if process and name in (process.exe, *process.argv[:2])), "")
        if process and program:
            yield Rival("run", program, process)


def _lock_holders() -> frozenset[int]:
    """The processes that hold a lock on any file; `->` is one that waits."""
    try:
        with _LOCKS.open(encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file.read(_LOCKS_CHARACTERS).splitlines()]
    except OSError:
        return frozenset()
    return frozenset(int(row[4]) for row in rows if len(row) > 5 and row[1] != "->" and row[4].isdigit() and int(row[4]) > 1)
