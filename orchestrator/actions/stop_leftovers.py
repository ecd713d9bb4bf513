"""Ends what the last run of a unit left behind in the unit's own cgroup."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import OnUnit, lives, own_unit, protected
from orchestrator.config import Config
from orchestrator.host import Process, Unit, View
from orchestrator.model import Case, Job, Risk, Word

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_MOST = 50


class Leftover(Word):
    pid: Annotated[int, Field(gt=1)]
    started_at: float


class StopLeftovers(OnUnit):
    """Exactly the processes that were seen, by pid and start time; SIGTERM, five seconds, SIGKILL."""

    kind: Literal["stop_leftovers"] = "stop_leftovers"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = False
    processes: Annotated[tuple[Leftover, ...], Field(min_length=1, max_length=_MOST)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Of the incident's own unit, or of the job of its timer."""
        own = own_unit(case, view, config)
        found = []
        for unit in (own, *(view.units.get(name) for name in own.triggers)) if own else ():
            left = tuple(Leftover(pid=process.pid, started_at=process.started_at) for process in _left_by(unit, view)) if unit.down else ()
            found += [cls(unit=unit.name, processes=left[:_MOST])] if left else []
        return tuple(found)

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        pids = ", ".join(str(item.pid) for item in self.processes[:5])
        return f"end {len(self.processes)} process{'es' if len(self.processes) > 1 else ''} that {self.unit} left behind ({pids})"

    def command(self) -> str:
        return f"systemctl kill {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if protected(config, unit):
            return protected(config, unit)
        if not unit.down:
            return f"{self.unit} is {unit.active_state}: its processes are not left over"
        own = {process.pid for process in _left_by(unit, view)}
        strangers = [item.pid for item in self.processes if item.pid not in own and lives(view, item.pid, item.started_at)]
        return f"process {strangers[0]} is not in the group of {self.unit}" if strangers else ""

    def do(self, machine: "Machine") -> str:
        ended = machine.processes.end((item.pid, item.started_at) for item in self.processes)
        return f"{ended} processes ended"

    def verify(self, view: View) -> str:
        living = [item.pid for item in self.processes if lives(view, item.pid, item.started_at)]
        return f"process {living[0]} still lives" if living else ""


def _left_by(unit: Unit, view: View) -> tuple[Process, ...]:
    """A zombie is only a line in a table; its parent must read it, and no signal helps."""
    if not unit.control_group:
        return ()
    return tuple(process for process in view.processes.in_cgroup(unit.control_group) if process.state != "Z")
