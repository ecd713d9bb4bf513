"""Has a running service read its configuration again."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_config, not_up, occupied, protected, serving_unit, unusable
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class ReloadUnit(OnUnit):
    """What it had loaded before is gone: there is no undo."""

    kind: Literal["reload_unit"] = "reload_unit"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = serving_unit(case, view, config)
        return (cls(unit=unit.name),) if unit and unit.running and unit.can_reload else ()

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        return f"reload {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if not unit.running:
            return f"{self.unit} does not run"
        return protected(config, unit) or unusable(unit) or occupied(unit) or against_config(view, config, unit)

    def do(self, machine: "Machine") -> str:
        after = machine.units.job("reload", machine.view.units.get(self.unit))
        if "ExecReload" in after.exec_statuses:
            raise ChangeFailed(f"{self.unit} refused to reload: ExecReload exited with status {after.exec_statuses['ExecReload']}")
        return f"{self.unit} reloaded"

    def verify(self, view: View) -> str:
        return not_up(view.units.get(self.unit))
