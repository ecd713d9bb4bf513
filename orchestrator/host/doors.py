"""Socket files that were removed under the program that listens on them: it runs well, and nobody reaches it."""

from collections.abc import Collection, Sequence

from orchestrator.host.errors import Unavailable
from orchestrator.host.processes import Process
from orchestrator.host.sockets import Listener
from orchestrator.host.view import View

_LASTING_SECONDS = 5.0
"""A name that is there for a moment is one that the program gives its socket before the true one."""


def gone(view: View, units: Collection[str]) -> dict[str, str]:
    """For each of these units that runs the socket file that it has lost. What was never seen there explains nothing.

    A program may take its own socket file away, or see another root file system. One that a socket unit made is that unit's.
    """
    listening = {listener.path: listener for listener in view.sockets.unix() if listener.path.startswith("/")}
    view.doors &= set(listening)
    lost: list[Listener] = []
    missing: set[str] = set()
    for path, listener in listening.items():
        state = view.files.look(path, follow=True)
        if state and view.now() - state.ctime > _LASTING_SECONDS:
            view.doors.add(path)
        elif state is None:
            missing.add(path)
            lost += [listener] if path in view.doors else []
    made = _of_systemd(view, units, missing) if missing else {}
    held = _holders(view, [listener for listener in lost if listener.path not in made.values()], known=bool(made))
    return {holder.unit: path for path, holder in held if holder.unit in units and view.units.get(holder.unit).running} | made


def _holders(view: View, lost: Sequence[Listener], *, known: bool) -> list[tuple[str, Process]]:
    """Who holds them. Where that may be read of none of them, and nothing else is known, it is unknown."""
    try:
        holders = view.sockets.owners([listener.inode for listener in lost]) if lost else {}
    except Unavailable:
        if not known:
            raise
        return []
    return [(listener.path, holders[listener.inode]) for listener in lost if listener.inode in holders]


def _of_systemd(view: View, units: Collection[str], missing: Collection[str]) -> dict[str, str]:
    """Socket units of these, or that start them, whose path is not there: PID 1 made it, so that nothing had to be seen before."""
    active = (line.name for line in view.units.list() if line.name.endswith(".socket") and line.active_state == "active")
    sockets = [unit for name in active if {name, *(unit := view.units.get(name)).triggers} & set(units)]
    return {unit.name: path for unit in sockets for path in unit.listen if path in missing}
