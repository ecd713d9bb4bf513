"""Has systemd read unit files that were changed."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import own_unit
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Action, Case, Job, Risk, UnitName

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

VERIFY_SECONDS = 20


class DaemonReload(Action):
    """Only after systemd's own verification of what would be loaded. What was loaded before is gone: there is no undo."""

    kind: Literal["daemon_reload"] = "daemon_reload"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    units: Annotated[tuple[UnitName, ...], Field(min_length=1, max_length=50)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        return (cls(units=(unit.name,)),) if unit and unit.need_daemon_reload else ()

    def targets(self) -> tuple[str, ...]:
        return self.units

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        return f"have systemd read the changed files of {', '.join(self.units)}"

    def command(self) -> str:
        return "systemctl daemon-reload"

    def refusal(self, view: View, config: Config) -> str:
        """`systemd-analyze verify` fails for what systemd would refuse to start, a dependency included; a mere warning passes."""
        del config
        result = view.runs(["systemd-analyze", "verify", "--man=no", "--", *self.units], timeout=VERIFY_SECONDS)
        if result.exit == 0:
            return ""
        said = result.output.strip().splitlines() or ["it did not end in time" if result.timed_out else "no reason given"]
        return f"systemd-analyze verify refuses the file on disk: {said[0][:300]}"

    def do(self, machine: "Machine") -> str:
        machine.units.daemon_reload()
        return "systemd has read its unit files again"

    def verify(self, view: View) -> str:
        for name in self.units:
            unit = view.units.get(name)
            if unit.need_daemon_reload or unit.load_state != "loaded":
                return f"{name} is {unit.load_state}, not as it is on disk" if unit.need_daemon_reload else f"{name} is {unit.load_state}"
        return ""
