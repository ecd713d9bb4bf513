"""Gives a service time."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Action, Case, Job, Risk, Told, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

SECONDS = 60


class Wait(Action):
    """Changes nothing, and returns at once, so that it holds no worker and no hand.

    Whoever carries out the plan lets `seconds` pass before it judges by the probes (an attempt's `ready_by`).
    """

    kind: Literal["wait"] = "wait"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    target: Annotated[Told, Field(min_length=1, max_length=4096)]
    seconds: Annotated[int, Field(ge=1, le=300)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Where something is under way: systemd is at work on the target, or it was only just started."""
        del config
        target = case.scope.target
        if not is_unit(target):
            return ()
        unit = view.units.get(target)
        young = unit.running and view.now() - unit.active_enter_at < SECONDS
        return (cls(target=target, seconds=SECONDS),) if unit.in_transition or young else ()

    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        return f"give {self.target} {self.seconds} s"

    @property
    def patience(self) -> float:
        return self.seconds

    def do(self, machine: "Machine") -> str:
        del machine
        return f"waiting up to {self.seconds} s"

    def verify(self, view: View) -> str:
        del view
        return ""
