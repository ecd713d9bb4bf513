"""Ends what a broken-off upgrade began: has dpkg configure a package that it only unpacked."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import OnUnit, own_unit, protected
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_SECONDS = 300


class ConfigurePackage(OnUnit):
    """The package's own scripts run, as root: always a person's decision. Changed configuration files are kept. There is no undo."""

    kind: Literal["configure_package"] = "configure_package"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]{1,100}$")]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        package = view.packages.half_done_of((unit.fragment_path, *unit.programs)) if unit and not unit.running else ""
        return (cls(unit=unit.name, package=package),) if unit and package else ()

    def about(self) -> str:
        return f"have dpkg configure {self.package}, which {self.unit} is of"

    def command(self) -> str:
        return f"dpkg --configure {self.package}"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.unit)
        if unit.running or protected(config, unit):
            return protected(config, unit) or f"{self.unit} is {unit.active_state}"
        if busy := view.packages.busy():
            return f"a package upgrade is under way: {busy}"
        if self.package not in view.packages.half_configured():
            return f"{self.package} is configured"
        own = view.packages.half_done_of((unit.fragment_path, *unit.programs)) == self.package
        return "" if own else f"{self.unit} is not of {self.package}"

    def do(self, machine: "Machine") -> str:
        argv = ["/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confold", "--configure", self.package]
        result = machine.commands.run(argv, user=None, timeout=_SECONDS, name=f"configure-{self.package}")
        if result.exit != 0:
            said = result.output.strip()[-300:] or "no reason given"
            raise ChangeFailed(f"dpkg did not {'end in time' if result.timed_out else f'configure {self.package}'}: {said}")
        return f"{self.package} is configured"

    def verify(self, view: View) -> str:
        return f"{self.package} is still half done" if self.package in view.packages.half_configured() else ""
