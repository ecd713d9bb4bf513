"""Stops a declared service that no unit runs, by the operator's own command."""

from typing import TYPE_CHECKING, ClassVar, Literal

from orchestrator.actions.services import OnService
from orchestrator.host import ChangeFailed
from orchestrator.model import Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

STOP_SECONDS = 90
"""systemd's own default for a stop."""


class StopService(OnService):
    """Medium, as the stop of a unit is; the start is another step of a plan."""

    kind: Literal["stop_service"] = "stop_service"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = False

    def do(self, machine: "Machine") -> str:
        result = machine.commands.run(self.argv, user=self.user, timeout=STOP_SECONDS, name=f"stop-{self.name}")
        if result.exit != 0:
            raise ChangeFailed(f"{self.argv[0]} ended with status {result.exit}: {result.output.strip()[-300:]}")
        return f"{self.argv[0]} ended well"
