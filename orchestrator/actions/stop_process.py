"""Ends another program's process that is in the way: it holds the port of the incident's service."""

import os
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import OnUnit, lives, own_unit
from orchestrator.config import Config
from orchestrator.host import Process, View
from orchestrator.model import Case, Risk, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StopProcess(OnUnit):
    """Somebody else's, so a person is asked. `unit` is the one that it blocks: what is touched on its behalf.

    The other program's own unit is no target of the incident; whether it is protected is asked in `refusal`.
    """

    kind: Literal["stop_process"] = "stop_process"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    pid: Annotated[int, Field(gt=1)]
    started_at: float
    exe: str
    holder: str = ""
    """The unit that the process belongs to; empty where it belongs to none."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        service = config.service_of(case.scope.target)
        if unit is None or service is None or service.port is None or unit.running:
            return ()
        process = view.sockets.holder_of_port(service.port)
        if process is None or process.unit in (unit.name, *unit.triggered_by):
            return ()
        found = cls(unit=unit.name, pid=process.pid, started_at=process.started_at, exe=process.exe, holder=process.unit)
        return () if found.refusal(view, config) else (found,)

    def about(self) -> str:
        return f"end process {self.pid} ({self.exe}, of {self.holder or 'no unit'}), which is in the way of {self.unit}"

    def command(self) -> str:
        return f"kill {self.pid}"

    def refusal(self, view: View, config: Config) -> str:
        process = view.processes.get(self.pid)
        if process is None or not lives(view, self.pid, self.started_at) or (process.exe, process.unit) != (self.exe, self.holder):
            return f"process {self.pid} is not the same any more"
        return _untouchable(process, config) or _comes_back(process, view)

    def do(self, machine: "Machine") -> str:
        ended = machine.processes.end([(self.pid, self.started_at)])
        return f"process {self.pid} ended" if ended else f"process {self.pid} was gone already"

    def verify(self, view: View) -> str:
        return f"process {self.pid} still lives" if lives(view, self.pid, self.started_at) else ""


def _untouchable(process: Process, config: Config) -> str:
    if process.pid == os.getpid() or not process.exe:
        return f"process {process.pid} is the kernel's, or our own"
    return f"{process.unit} is protected" if process.unit and config.protects_unit(process.unit) else ""


def _comes_back(process: Process, view: View) -> str:
    if not is_unit(process.unit):
        return ""
    restart = view.units.get(process.unit).restart
    return f"systemd would start it again: stop {process.unit} itself" if restart not in ("", "no") else ""
