"""Starts a unit that is down."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_start, bring_up, idle_units, not_up
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Before, Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StartUnit(OnUnit):
    """Its failure is forgotten first: a start limit would refuse the start. Undo stops it again if it was not running before."""

    kind: Literal["start_unit"] = "start_unit"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = True

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """What is down: the target, what it needs, and of those that need it the ones that ran while all was well."""
        ran = (case.scope.target, *case.scope.below, *view.baseline.active)
        return tuple(
            cls(unit=line.name)
            for line in idle_units(case, view)
            if line.name in ran and (config.service_of(line.name) or not config.protects_unit(line.name))
        )

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("start", self.unit),)

    def about(self) -> str:
        return f"start {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        return against_start(view, config, view.units.get(self.unit))

    def remember(self, view: View) -> Before:
        return {"running": view.units.get(self.unit).running}

    def do(self, machine: "Machine") -> str:
        return bring_up(machine, "start", self.unit)

    def verify(self, view: View) -> str:
        return not_up(view.units.get(self.unit))

    def undo(self, machine: "Machine", before: Before) -> str:
        unit = machine.view.units.get(self.unit)
        # One that systemd starts anew by itself, or is about to, fell again: a stop would look like a person's word.
        falls = unit.sub_state == "auto-restart" or (unit.active_state == "activating" and unit.n_restarts > 0)
        if before["running"] or unit.down or falls:
            return f"{self.unit} is {unit.active_state}, as before"
        return f"{self.unit} is {machine.units.job('stop', unit).active_state} again"
