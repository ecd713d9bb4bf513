"""Switches a timer on again that a person switched off."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_start, bring_up, not_up, own_unit
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Before, Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_ENABLED = ("enabled", "enabled-runtime", "static", "generated", "indirect", "alias")


class ResumeTimer(OnUnit):
    """An administrator's decision is his: a person is asked. Enabled again if it was disabled, so that it lasts beyond the next boot."""

    kind: Literal["resume_timer"] = "resume_timer"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = True

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        return (cls(unit=unit.name),) if unit and unit.name.endswith(".timer") and unit.down and unit.load_state == "loaded" else ()

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("start", self.unit),)

    def about(self) -> str:
        return f"switch {self.unit} on again, which a person switched off"

    def command(self) -> str:
        return f"systemctl enable --now {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if not self.unit.endswith(".timer") or unit.running:
            return f"{self.unit} is {unit.active_state}" if unit.running else f"{self.unit} is no timer"
        return against_start(view, config, unit)

    def remember(self, view: View) -> Before:
        unit = view.units.get(self.unit)
        return {"running": unit.running, "enabled": unit.unit_file_state in _ENABLED}

    def do(self, machine: "Machine") -> str:
        if machine.view.units.get(self.unit).unit_file_state not in _ENABLED:
            machine.units.enable(self.unit)
        return bring_up(machine, "start", self.unit)

    def verify(self, view: View) -> str:
        return not_up(view.units.get(self.unit))

    def undo(self, machine: "Machine", before: Before) -> str:
        unit = machine.view.units.get(self.unit)
        if not before["running"] and not unit.down:
            machine.units.job("stop", unit)
        if not before["enabled"] and unit.unit_file_state == "enabled":
            machine.units.disable(self.unit)
        return f"{self.unit} is off again"
