"""Restarts the incident's own unit, what must let go of a directory that its mount hides, or what has lost its socket file."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_restart, bring_up, not_up, protected, serving_unit
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class RestartUnit(OnUnit):
    """One job of systemd, so that what it pulls down comes back with it.

    What the old processes held in memory is lost: there is no undo.
    """

    kind: Literal["restart_unit"] = "restart_unit"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Its own, what is at work in a directory over which a mount is about to come, and what it needs and nobody can reach."""
        own = serving_unit(case, view, config)
        held = case.facts().get("mount.held", "").split(", ") if case.fault.target.endswith(".mount") else []
        facts = case.facts()
        suspects = (facts.get("below.door_gone", ""), facts.get("below.changed_unit", ""))
        others = [name for name in held if name in case.scope.above] + [name for name in case.scope.below if name in suspects]
        units = [*([own] if own else []), *map(view.units.get, others)]
        # Its own also while systemd cannot use its file: a plan may mend that first.
        usable = [unit for unit in units if unit.load_state == "loaded" or (unit == own and unit.load_state == "bad-setting")]
        return tuple(cls(unit=unit.name) for unit in usable if not unit.down and not protected(config, unit))

    def about(self) -> str:
        return f"restart {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        return against_restart(view, config, view.units.get(self.unit))

    def do(self, machine: "Machine") -> str:
        return bring_up(machine, "restart", self.unit)

    def verify(self, view: View) -> str:
        return not_up(view.units.get(self.unit))
