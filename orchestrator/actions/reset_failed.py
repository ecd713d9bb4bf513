"""Has systemd forget that a unit failed."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, protected
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class ResetFailed(OnUnit):
    """For a unit whose failure is over and that is not to run now. Its start limit is forgotten too; nothing else changes."""

    kind: Literal["reset_failed"] = "reset_failed"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        failed = [line.name for line in view.units.named(case.scope.units) if line.active_state == "failed"]
        return tuple(cls(unit=name) for name in failed if config.service_of(name) or not config.protects_unit(name))

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        return f"forget the failure of {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if not config.service_of(self.unit) and (hands_off := protected(config, unit)):
            return hands_off
        return "" if unit.active_state == "failed" else f"{self.unit} is {unit.active_state}"

    def do(self, machine: "Machine") -> str:
        machine.units.reset_failed(self.unit)
        return f"the failure of {self.unit} is forgotten"

    def verify(self, view: View) -> str:
        return f"{self.unit} is failed" if view.units.get(self.unit).active_state == "failed" else ""
