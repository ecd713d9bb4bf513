"""Socket files that were removed under the program that listens on them: it runs well, and nobody reaches it."""

from collections.abc import Collection

from orchestrator.host.sockets import Listener
from orchestrator.host.view import View

_LASTING_SECONDS = 5.0
"""A name that is there for a moment is one that the program gives its socket before the true one."""


def gone(view: View, units: Collection[str]) -> dict[str, str]:
    """For each of these units that runs the socket file that it has lost. What was never seen there explains nothing.

    A program may take its own socket file away, or see another root file system.
    """
    listening = {listener.path: listener for listener in view.sockets.unix() if listener.path.startswith("/")}
    view.doors &= set(listening)
    lost: list[Listener] = []
    for path, listener in listening.items():
        state = view.files.look(path, follow=True)
        if state and view.now() - state.ctime > _LASTING_SECONDS:
            view.doors.add(path)
        elif state is None and path in view.doors:
            lost.append(listener)
    held = ((view.sockets.holder(listener), listener.path) for listener in lost)
    return {holder.unit: path for holder, path in held if holder and holder.unit in units and view.units.get(holder.unit).running}
