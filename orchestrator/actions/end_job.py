"""Ends the run of a job that does not end by itself; its timer starts the next one."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import OnUnit, own_unit, protected
from orchestrator.checks.job_stuck import stuck
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.host.jobs import timers_of
from orchestrator.model import Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class EndJob(OnUnit):
    """A job that may be in the middle of writing: a person is asked. Exactly the run that was seen, and no later one."""

    kind: Literal["end_job"] = "end_job"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    invocation: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        if unit is None or not unit.invocation_id:
            return ()
        action = cls(unit=unit.name, invocation=unit.invocation_id)
        return () if action.refusal(view, config) else (action,)

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("stop", self.unit),)

    def about(self) -> str:
        return f"end the run of {self.unit} that does not end by itself"

    def command(self) -> str:
        return f"systemctl stop {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if unit.refuse_manual_stop:
            return f"{self.unit} is not to be stopped by hand (RefuseManualStop=)"
        if protected(config, unit) or not self._still_runs(view):
            return protected(config, unit) or f"that run of {self.unit} has ended"
        if unit.type != "oneshot" or unit.active_state != "activating" or not timers_of(unit):
            return f"{self.unit} is no job of a timer's at work"
        return "" if stuck(view, unit) else f"nothing tells that the run of {self.unit} does not end by itself"

    def do(self, machine: "Machine") -> str:
        after = machine.units.job("stop", machine.view.units.get(self.unit))
        if after.invocation_id == self.invocation and not after.down:
            raise ChangeFailed(f"{self.unit} is {after.active_state} ({after.sub_state}) after its stop")
        return f"the run of {self.unit} has ended"

    def verify(self, view: View) -> str:
        return f"{self.unit} still runs" if self._still_runs(view) else ""

    def _still_runs(self, view: View) -> bool:
        unit = view.units.get(self.unit)
        return unit.invocation_id == self.invocation and unit.active_state in ("activating", "deactivating")
