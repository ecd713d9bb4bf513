"""Ends another program's process that has what the incident's unit needs: its port, or the lock on its file."""

import os
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import OnUnit, lives, own_unit
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, Process, View
from orchestrator.host.jobs import declared
from orchestrator.host.rivals import rivals
from orchestrator.model import Case, Job, Risk, Told, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StopProcess(OnUnit):
    """Somebody else's, so a person is asked. `unit` is the one that it blocks: what is touched on its behalf.

    A process that systemd would start again is stopped with its unit. That is no target of the incident; whether it is protected is
    asked in `refusal`.
    """

    kind: Literal["stop_process"] = "stop_process"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    pid: Annotated[int, Field(gt=1)]
    started_at: float
    exe: Told
    holder: Told = ""
    """The unit that the process belongs to; empty where it belongs to none."""
    whole_unit: bool = False
    """systemd would start the process again, so that its unit is stopped."""
    has: Told = ""
    """What it has that the other needs."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        own = own_unit(case, view, config)
        found: dict[int, Self] = {}
        for unit in (own, *(view.units.get(name) for name in own.triggers if own.name.endswith(".timer"))) if own else ():
            for rival in rivals(view, unit, declared(unit, config)):
                process = rival.process
                if process.pid < 2 or not process.exe.isprintable():  # a name that is written to deceive
                    continue
                about = {"pid": process.pid, "started_at": process.started_at, "exe": process.exe, "holder": process.unit}
                action = cls.model_validate({"unit": unit.name, "has": rival.told, "whole_unit": _comes_back(process, view), **about})
                if not action.changed(view, config):
                    found.setdefault(process.pid, action)
        return tuple(found.values())

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("stop", self.holder),) if self.whole_unit else ()

    def about(self) -> str:
        what = f"stop {self.holder} with its process {self.pid}" if self.whole_unit else f"end process {self.pid}"
        why = f": {self.has}" if self.has else ""
        return f"{what} ({self.exe}, of {self.holder or 'no unit'}), which is in the way of {self.unit}{why}"

    def command(self) -> str:
        return f"systemctl stop {self.holder}" if self.whole_unit else f"kill {self.pid}"

    def concerns(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.unit, self.holder)))

    def refusal(self, view: View, config: Config) -> str:
        return self.changed(view, config) or self._not_in_the_way(view, config)

    def _not_in_the_way(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        found = [rival.told for rival in rivals(view, unit, declared(unit, config)) if rival.process.pid == self.pid]
        return "" if self.has in found or (found and not self.has) else f"process {self.pid} is not in the way of {self.unit}"

    def changed(self, view: View, config: Config) -> str:
        """Why the process is not the one that was chosen, or not to be touched, whatever it has."""
        process = view.processes.get(self.pid)
        if process is None or not lives(view, self.pid, self.started_at) or (process.exe, process.unit) != (self.exe, self.holder):
            return f"process {self.pid} is not the same any more"
        if self.whole_unit != _comes_back(process, view):
            return f"whether systemd would start process {self.pid} again has changed"
        return _untouchable(process, config, view)

    def do(self, machine: "Machine") -> str:
        if self.whole_unit:
            after = machine.units.job("stop", machine.view.units.get(self.holder))
            if not after.down:
                raise ChangeFailed(f"{self.holder} is {after.active_state} ({after.sub_state}) after its stop")
            return f"{self.holder} is {after.active_state}"
        ended = machine.processes.end([(self.pid, self.started_at)])
        return f"process {self.pid} ended" if ended else f"process {self.pid} was gone already"

    def verify(self, view: View) -> str:
        return f"process {self.pid} still lives" if lives(view, self.pid, self.started_at) else ""


def _untouchable(process: Process, config: Config, view: View) -> str:
    if process.pid == os.getpid() or not process.has_program:
        return f"process {process.pid} is the kernel's, or our own"
    if process.unit and config.protects_unit(process.unit):
        return f"{process.unit} is protected"
    refused = is_unit(process.unit) and view.units.get(process.unit).refuse_manual_stop
    return f"{process.unit} is not to be stopped by hand (RefuseManualStop=)" if refused else ""


def _comes_back(process: Process, view: View) -> bool:
    return process.unit.endswith(".service") and view.units.get(process.unit).restart not in ("", "no")
