"""Removes old files where the operator declared that they may go."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import AbsolutePath, Action, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class CleanPath(Action):
    """The fields repeat the declaration, so that a person sees what is approved; the policy compares them with it again."""

    kind: Literal["clean_path"] = "clean_path"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    path: AbsolutePath
    pattern: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^/\x00]+$")]
    older_than_seconds: Annotated[int, Field(ge=0)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Where something may go now: what is younger than its operator wants is no way out."""
        declared = (item for item in config.path if case.scope.holds(item.path))
        found = (item for item in declared if view.files.holds_old(item.path, item.pattern, item.older_than_seconds))
        return tuple(cls(path=item.path, pattern=item.pattern, older_than_seconds=item.older_than_seconds) for item in found)

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def about(self) -> str:
        return f"remove {self.pattern} older than {self.older_than_seconds} s beneath {self.path}"

    def refusal(self, view: View, config: Config) -> str:
        del config
        state = view.files.look(self.path)
        if state is None:
            return f"{self.path} does not exist"
        return "" if state.kind == "dir" else f"{self.path} is a {state.kind}, not the directory that was declared"

    def do(self, machine: "Machine") -> str:
        mounts = {mount.point for mount in machine.view.mounts.list()}
        removed = machine.files.remove_old(self.path, pattern=self.pattern, older_than=self.older_than_seconds, mounts=mounts)
        in_use = f"; {removed.in_use} are in use and stay" if removed.in_use else ""
        if not removed.count:
            raise ChangeFailed(f"nothing beneath {self.path} may go{in_use}")
        return f"removed {removed.count} files, {removed.size / 1e6:.1f} MB{in_use}"

    def verify(self, view: View) -> str:
        """What was removed stays removed; whether it was enough is asked of the disk."""
        del view
        return ""
