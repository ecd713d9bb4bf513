"""Takes a mount away that nobody answers for, and has the unit that made it make it anew."""

import time
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_start, bring_up, not_up
from orchestrator.checks.mount_stale import server_of
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import AbsolutePath, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_SECONDS = 30
_MOUNTS_SECONDS, _PAUSE_SECONDS = 5.0, 0.1


class ReviveMount(OnUnit):
    """Started alone the unit would find its mount point occupied.

    Medium where its server process has ended: through such a mount no byte can go any more. One that its server merely does
    not know may have writes under way: a person decides.
    """

    kind: Literal["revive_mount"] = "revive_mount"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = False
    point: AbsolutePath
    standing: Literal["dead", "stale"]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        point = case.fault.target
        standing = {"MountDead": "dead", "MountStale": "stale"}.get(case.fault.reason)
        if case.fault.check != "mount_stale" or standing is None or not (unit := server_of(view, config, point)):
            return ()
        action = cls.model_validate({"unit": unit, "point": point, "standing": standing})
        return () if action.refusal(view, config) else (action,)

    @property
    def level(self) -> Risk:
        return Risk.MEDIUM if self.standing == "dead" else Risk.HIGH

    def targets(self) -> tuple[str, ...]:
        return (self.unit, self.point)

    def about(self) -> str:
        return f"take the {self.standing} mount on {self.point} away, and start {self.unit} anew"

    def command(self) -> str:
        return f"umount --lazy {self.point}; systemctl restart {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        if view.mounts.of_path(self.point).point != self.point or view.mounts.standing(self.point) != self.standing:
            return f"{self.point} is not {self.standing} any more"
        if server_of(view, config, self.point) != self.unit:
            return f"{self.unit} is not what brings {self.point} back"
        return against_start(view, config, view.units.get(self.unit))

    def do(self, machine: "Machine") -> str:
        argv = ["umount", "--lazy", "--", self.point]
        result = machine.commands.run(argv, user=None, timeout=_SECONDS, name="umount-dead")
        if result.exit != 0 and machine.view.mounts.of_path(self.point).point == self.point:
            raise ChangeFailed(f"umount: {result.output.strip()[-300:] or 'it did not end in time'}")
        said = bring_up(machine, "restart", self.unit)
        until = time.monotonic() + _MOUNTS_SECONDS  # a program that serves a mount is up before the mount is
        while self.verify(machine.view) and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
        return f"{self.point} was taken away; {said}"

    def verify(self, view: View) -> str:
        if trouble := not_up(view.units.get(self.unit)):
            return trouble
        mounted = view.mounts.of_path(self.point).point == self.point
        return "" if mounted and not view.mounts.standing(self.point) else f"{self.point} is not back"

    @property
    def patience(self) -> float:
        """What serves a mount may take longer than that."""
        return 10.0
