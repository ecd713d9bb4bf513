"""Starts a container that ended by itself."""

from typing import TYPE_CHECKING, ClassVar, Literal

from orchestrator.actions.containers import OnContainer
from orchestrator.host import Container
from orchestrator.model import Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StartContainer(OnContainer):
    """With the file system and the settings that it ended with. There is no undo: it ended without anybody's word."""

    kind: Literal["start_container"] = "start_container"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    @classmethod
    def _fits(cls, container: Container) -> bool:
        return container.state == "exited" and container.by_hand is False

    def do(self, machine: "Machine") -> str:
        return f"the container {self.container} is {machine.containers.start(self.handle).state}"
