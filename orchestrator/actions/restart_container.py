"""Restarts a container that runs."""

from typing import TYPE_CHECKING, ClassVar, Literal

from orchestrator.actions.containers import OnContainer
from orchestrator.host import Container
from orchestrator.model import Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class RestartContainer(OnContainer):
    """What its programs held in memory is lost: there is no undo. One that goes away when it ends is never restarted."""

    kind: Literal["restart_container"] = "restart_container"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    @classmethod
    def _fits(cls, container: Container) -> bool:
        return container.running and not container.passing

    def do(self, machine: "Machine") -> str:
        return f"the container {self.container} is {machine.containers.restart(self.handle).state}"
