"""Makes a declared directory again that is gone, empty, with the owner and mode that it had while all was well."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.good_files import AccountId, FileMode, Owned, owned_files, services_of
from orchestrator.config import Config, Name
from orchestrator.host import View
from orchestrator.host.graph import mount_units
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_MADE_ANEW = ("/run/", "/var/run/", "/var/log/", "/var/cache/", "/tmp/", "/var/tmp/")  # noqa: S108  # looked at, not written to
"""hier(7): what lies there a service makes anew, or can do without."""


class RestoreDirectory(Action):
    """Not where a mount is missing: the service would write into the mount point, and its data would look lost.

    Where data may have been lost with it a person is asked: an empty directory would hide that.
    """

    kind: Literal["restore_directory"] = "restore_directory"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True
    service: Name
    path: AbsolutePath
    uid: AccountId
    gid: AccountId
    mode: FileMode
    was_empty: bool = False
    """Nothing was in it while all was well."""

    @property
    def level(self) -> Risk:
        return self.risk if self.was_empty or self.path.startswith(_MADE_ANEW) else Risk.HIGH

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        found = []
        for service in services_of(case, config):
            for path in filter(case.scope.holds, owned_files(service, view)):
                good = view.known_good.get(path)
                if good is None or good.kind != "dir" or view.files.look(path):
                    continue
                action = cls(service=service.name, path=path, uid=good.uid, gid=good.gid, mode=good.mode, was_empty=good.empty)
                if not action.refusal(view, config):
                    found.append(action)
        return tuple(found)

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def concerns(self) -> tuple[str, ...]:
        return (self.path, self.service)

    def about(self) -> str:
        return f"make the directory {self.path} of {self.service} again"

    def refusal(self, view: View, config: Config) -> str:
        service, good = config.service_of(self.service), view.known_good.get(self.path)
        if service is None or self.path not in owned_files(service, view):
            return f"{self.path} is not declared for {self.service}"
        if good is None or good.kind != "dir":
            return f"{self.path} is not known as a directory"
        if (Owned.of(good), good.empty) != (Owned(uid=self.uid, gid=self.gid, mode=self.mode), self.was_empty):
            return f"that is not the owner and mode that {self.path} had while all was well"
        if view.files.look(self.path):
            return f"{self.path} is there"
        missing = _missing_mount(self.path, view)
        return f"{missing} is not mounted, and {self.path} lies on it" if missing else ""

    def remember(self, view: View) -> Before:
        return {"there": view.files.look(self.path) is not None}

    def do(self, machine: "Machine") -> str:
        machine.files.make_directory(self.path, uid=self.uid, gid=self.gid, mode=self.mode)
        return f"{self.path} is there again, empty"

    def verify(self, view: View) -> str:
        state = view.files.look(self.path)
        return "" if state and state.kind == "dir" else f"{self.path} is not there"

    def undo(self, machine: "Machine", before: Before) -> str:
        """Only as long as it is empty: what a service wrote there meanwhile stays."""
        if before["there"] or machine.view.files.look(self.path) is None:
            return f"{self.path} is as it was before"
        machine.files.remove_directory(self.path)
        return f"{self.path} is gone again"


def _missing_mount(path: str, view: View) -> str:
    """A mount point at or above the path that was mounted while all was well, or that has a mount unit, and is not mounted now."""
    mounted = {mount.point for mount in view.mounts.list()}
    units = (view.units.get(name) for name in mount_units((path,)))
    wanted = {unit.where for unit in units if unit.load_state == "loaded"} | view.baseline.mounts
    return next((point for point in sorted(wanted - mounted) if f"{path}/".startswith(point.rstrip("/") + "/")), "")
