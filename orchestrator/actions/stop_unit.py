"""Stops the incident's own unit."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, bring_up, occupied, own_unit, protected
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import Before, Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StopUnit(OnUnit):
    """Medium: it is undone by a start, and only the incident's own unit is ever a candidate.

    An action does not know the scope it is used in, so that somebody else's unit, or one that healthy units need, is not
    told from its own here: the policy denies the first and asks about the second.
    """

    kind: Literal["stop_unit"] = "stop_unit"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        return (cls(unit=unit.name),) if unit and unit.active_state not in ("inactive", "failed") else ()

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("stop", self.unit),)

    def about(self) -> str:
        return f"stop {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if unit.refuse_manual_stop:
            return f"{self.unit} is not to be stopped by hand (RefuseManualStop=)"
        return protected(config, unit) or occupied(unit)

    def remember(self, view: View) -> Before:
        return {"running": view.units.get(self.unit).running}

    def do(self, machine: "Machine") -> str:
        after = machine.units.job("stop", machine.view.units.get(self.unit))
        if not after.down:
            raise ChangeFailed(f"{self.unit} is {after.active_state} ({after.sub_state}) after its stop")
        return f"{self.unit} is {after.active_state}"

    def verify(self, view: View) -> str:
        unit = view.units.get(self.unit)
        return "" if unit.down else f"{self.unit} is {unit.active_state} ({unit.sub_state})"

    def undo(self, machine: "Machine", before: Before) -> str:
        if machine.view.units.get(self.unit).running or not before["running"]:
            return f"{self.unit} is as it was before"
        return bring_up(machine, "start", self.unit)
