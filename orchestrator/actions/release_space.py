"""Has a service let go of deleted files, so that the room that they take is free again."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_config, against_restart, bring_up, not_up, occupied, protected
from orchestrator.checks.disk_full import is_full
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, Unit, View
from orchestrator.host.room import Holder, held
from orchestrator.model import AbsolutePath, Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class ReleaseSpace(OnUnit):
    """A reload where the service has one (it opens its logs anew), else a restart.

    Low for a declared service whose deleted files are logs. What a service may read again (a data server's scratch file), and
    a service that nobody declared, are a person's word.
    """

    kind: Literal["release_space"] = "release_space"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    point: AbsolutePath
    verb: Literal["reload", "restart"]
    certain: bool
    """The service is declared, and what it holds are logs."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if case.fault.check != "disk_full" or not case.fault.target.startswith("/"):
            return ()
        found = []
        for holder in held(view, case.fault.target):
            if holder.unit:
                unit = view.units.get(holder.unit)
                certain = _is_certain(holder, config)
                verbs: tuple[Literal["reload", "restart"], ...] = ("reload", "restart") if unit.can_reload else ("restart",)
                found += [cls(unit=unit.name, point=case.fault.target, verb=verb, certain=certain) for verb in verbs]
        return tuple(action for action in found if not _forbids(view, config, view.units.get(action.unit), action.verb))

    @property
    def level(self) -> Risk:
        return Risk.LOW if self.certain else Risk.HIGH

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return () if self.verb == "reload" else super().jobs()

    def about(self) -> str:
        return f"{self.verb} {self.unit}, which holds deleted files on {self.point}"

    def command(self) -> str:
        return f"systemctl {self.verb} {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        """It must still hold them, and be what was judged."""
        if not is_full(view, config, self.point):
            return f"{self.point} has room"
        holder = next((holder for holder in held(view, self.point) if holder.unit == self.unit), None)
        if holder is None:
            return f"{self.unit} holds no deleted files worth speaking of on {self.point}"
        if self.certain and not _is_certain(holder, config):
            return f"{self.unit} is not declared, or what it holds may be read again"
        return _forbids(view, config, view.units.get(self.unit), self.verb)

    def do(self, machine: "Machine") -> str:
        before = machine.view.mounts.usage(self.point).available
        if self.verb == "restart":
            bring_up(machine, "restart", self.unit)
        else:
            after = machine.units.job("reload", machine.view.units.get(self.unit))
            if "ExecReload" in after.exec_statuses:
                raise ChangeFailed(f"{self.unit} refused to reload: ExecReload exited with status {after.exec_statuses['ExecReload']}")
        freed = machine.view.mounts.usage(self.point).available - before
        return f"{self.unit}: {self.verb} done, {max(freed, 0) / 1e6:.1f} MB are free again"

    def verify(self, view: View) -> str:
        return not_up(view.units.get(self.unit))


def _is_certain(holder: Holder, config: Config) -> bool:
    return config.service_of(holder.unit) is not None and holder.log_like


def _forbids(view: View, config: Config, unit: Unit, verb: str) -> str:
    if not unit.running:
        return f"{unit.name} does not run"
    if verb == "reload":
        return protected(config, unit) or occupied(unit) or against_config(view, config, unit)
    return against_restart(view, config, unit)
