"""Makes a mount writable again that its own unit wants writable."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.checks.kernel_messages import was_mounted
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View, mount_options
from orchestrator.host.kernel_log import is_read_only
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_SECONDS = 30


class Remount(Action):
    """Only where the kernel has nothing against it: after an error the kernel made it read-only, and hiding that destroys data."""

    kind: Literal["remount"] = "remount"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True
    point: AbsolutePath

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if (case.fault.check, case.fault.reason) != ("mount_wrong", "TurnedReadOnly"):
            return ()
        action = cls(point=case.fault.target)
        return () if action.refusal(view, config) else (action,)

    def targets(self) -> tuple[str, ...]:
        return (self.point,)

    def about(self) -> str:
        return f"mount {self.point} writable again"

    def command(self) -> str:
        return f"mount -o remount,rw {self.point}"

    def refusal(self, view: View, config: Config) -> str:
        del config
        mount = view.mounts.of_path(self.point)
        if mount.point != self.point or not mount.read_only:
            return f"{self.point} is {'not mounted' if mount.point != self.point else 'writable'}"
        options = mount_options.wanted(view, self.point)
        if not options or "ro" in options:
            return f"{self.point} is not declared as a writable mount, in fstab or a unit"
        if mount.by_kernel or is_read_only(mount.device):
            return f"{self.point} is read-only by the kernel's own decision"
        said = [event for event in view.kernel_log.of_mount(mount) if event.danger and was_mounted(view, mount, event.at)]
        return f"the kernel reports errors of {self.point}: {said[-1].message}" if said else ""

    def remember(self, view: View) -> Before:
        return {"read_only": view.mounts.of_path(self.point).read_only}

    def do(self, machine: "Machine") -> str:
        _mount(machine, "rw", self.point)
        return f"{self.point} is writable"

    def verify(self, view: View) -> str:
        mount = view.mounts.of_path(self.point)
        return "" if mount.point == self.point and not mount.read_only else f"{self.point} is still read-only"

    def undo(self, machine: "Machine", before: Before) -> str:
        if not before["read_only"] or machine.view.mounts.of_path(self.point).read_only:
            return f"{self.point} is as it was before"
        _mount(machine, "ro", self.point)
        return f"{self.point} is read-only again"


def _mount(machine: "Machine", mode: Literal["rw", "ro"], point: str) -> None:
    argv = ["mount", "-o", f"remount,{mode}", "--", point]
    result = machine.commands.run(argv, user=None, timeout=_SECONDS, name=f"remount-{mode}")
    if result.exit != 0:
        said = result.output.strip().splitlines() or ["it did not end in time" if result.timed_out else f"status {result.exit}"]
        raise ChangeFailed(f"mount: {said[-1][:300]}")
