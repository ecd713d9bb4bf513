"""The changing door: everything that the daemon can do to this host, in one object. Only the hands open it.

It mirrors the View: `machine.units`, `files`, `quarantine`, `processes`, `commands`, `containers`. Each part is safe by itself, whatever
it is asked: a unit is changed by a job of systemd, a path is reached by directory descriptors and never through a link, a
process is signalled by a descriptor after its start time was checked again, a command is an argv list.
"""

from pathlib import Path

from orchestrator.host.bus import Bus
from orchestrator.host.machine.beneath import held
from orchestrator.host.machine.commands import Commands
from orchestrator.host.machine.containers import ContainerChanges
from orchestrator.host.machine.files import FileChanges
from orchestrator.host.machine.outside import Outside
from orchestrator.host.machine.processes import ProcessChanges
from orchestrator.host.machine.quarantine import Quarantine
from orchestrator.host.machine.units import UnitChanges
from orchestrator.host.view import View

__all__ = ["Machine", "held"]


class Machine:
    """Changes the host. Thread-safe. A part that cannot do what it was asked raises ChangeFailed.

    `quarantine_dir` keeps what was moved aside and what was written over (0700); it is made when it is first needed.
    The machine has a connection of its own to systemd, so that a wait for a job never delays a look.
    """

    def __init__(self, view: View, quarantine_dir: Path) -> None:
        self.view = view
        self._bus = Bus(view.manager)
        self.units = UnitChanges(self._bus, view.units)
        self.commands = Commands(self._bus, view.units, view.journal)
        self.files = FileChanges()
        self.quarantine = Quarantine(quarantine_dir, self.files, view.digests)
        view.known_good.was_taken_out = self.quarantine.has_kept
        self.processes = ProcessChanges(view.processes)
        self.containers = ContainerChanges(view.containers)

    def look_outside(self) -> None:
        """From now on the View asks outside of this process's sandbox what would be answered falsely inside."""
        outside = Outside(self.commands)
        self.view.runs, self.view.probes_outside = outside, outside.probe

    def close(self) -> None:
        self._bus.close()
