"""Restarts a declared service that no unit runs, by the operator's own command."""

from typing import TYPE_CHECKING, ClassVar, Literal

from orchestrator.actions.services import OnService
from orchestrator.model import Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class RestartService(OnService):
    """What the command starts is left alone, in the background or in the foreground.

    There is no undo: only the operator knows how such a service is stopped without loss.
    """

    kind: Literal["restart_service"] = "restart_service"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    def do(self, machine: "Machine") -> str:
        return machine.commands.launch(self.argv, user=self.user, name=f"restart-{self.name}")
