"""Stops a program that fills a file system with a log without end."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import lives, occupied, protected
from orchestrator.checks.disk_full import is_full
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.host.room import Holder, fills, writers
from orchestrator.model import AbsolutePath, Action, Case, Job, Risk, Told, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class StopWriter(Action):
    """Its unit is stopped, or the process where it has none. Never a service that the operator cares about.

    Somebody else's, so a person is asked. Nobody starts it again when the disk is full still: there is no undo.
    """

    kind: Literal["stop_writer"] = "stop_writer"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    path: AbsolutePath
    """The file system that it fills."""
    file: AbsolutePath
    pid: Annotated[int, Field(gt=1)]
    started_at: float
    exe: Told
    holder: Told = ""
    """Its unit; empty where the process belongs to no service."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if case.fault.check != "disk_full" or not case.fault.target.startswith("/"):
            return ()
        found = next((holder for holder in writers(view, case.fault.target)), None)
        if found is None or _not_ours(found, view, config):
            return ()
        process = found.process
        return (
            cls(
                path=case.fault.target, file=found.files[0].path, pid=process.pid, started_at=process.started_at, exe=process.exe,
                holder=found.unit,
            ),
        )  # fmt: skip

    def targets(self) -> tuple[str, ...]:
        return (self.holder or self.file,)

    def concerns(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.holder, self.file)))

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("stop", self.holder),) if self.holder else ()

    def about(self) -> str:
        who = self.holder or f"process {self.pid} ({self.exe})"
        return f"stop {who}, which fills {self.path} with {self.file}"

    def command(self) -> str:
        return f"systemctl stop {self.holder}" if self.holder else f"kill {self.pid}"

    def refusal(self, view: View, config: Config) -> str:
        process = view.processes.get(self.pid)
        same = process is not None and lives(view, self.pid, self.started_at)
        if process is None or not same or (process.exe, Holder(process, ()).unit) != (self.exe, self.holder):
            return f"process {self.pid} is not the same any more"
        if not is_full(view, config, self.path):
            return f"{self.path} has room"
        if not any(file.path == self.file and file.writes for file in view.open_files.of((self.pid,), self.path)):
            return f"process {self.pid} does not write {self.file} any more"
        if not any(file.path == self.file for holder in fills(view, self.path) for file in holder.files):
            return f"{self.file} is not what fills {self.path}"
        return _not_ours(Holder(process, ()), view, config)

    def do(self, machine: "Machine") -> str:
        if not self.holder:
            machine.processes.end([(self.pid, self.started_at)])
            return f"process {self.pid} ended"
        after = machine.units.job("stop", machine.view.units.get(self.holder))
        if not after.down:
            raise ChangeFailed(f"{self.holder} is {after.active_state} ({after.sub_state}) after its stop")
        return f"{self.holder} is {after.active_state}"

    def verify(self, view: View) -> str:
        return f"process {self.pid} still lives" if lives(view, self.pid, self.started_at) else ""


def _not_ours(holder: Holder, view: View, config: Config) -> str:
    """A declared service is not stopped for its log: that would be the outage itself."""
    if not holder.process.has_program:
        return f"process {holder.process.pid} is the kernel's"
    if not holder.unit:
        user = holder.process.unit
        return f"{user} is protected" if is_unit(user) and config.protects_unit(user) and not user.startswith("user@") else ""
    if config.service_of(holder.unit):
        return f"{holder.unit} is a declared service"
    unit = view.units.get(holder.unit)
    return protected(config, unit) or occupied(unit)
