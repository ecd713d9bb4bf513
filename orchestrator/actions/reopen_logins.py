"""Takes away the file that keeps ordinary users from logging in."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.logins import NOLOGIN, closed, shutdown_meant
from orchestrator.model import Action, Before, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class ReopenLogins(Action):
    """Whoever wrote it may have meant it, so a person is asked. It goes to quarantine, and undo brings it back."""

    kind: Literal["reopen_logins"] = "reopen_logins"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = True
    inode: Annotated[int, Field(gt=0)]
    device: Annotated[int, Field(ge=0)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if NOLOGIN not in case.scope.paths:
            return ()
        state = view.files.look(NOLOGIN)
        if state is None or state.kind != "file":
            return ()
        found = cls(inode=state.inode, device=state.device)
        return () if found.refusal(view, config) else (found,)

    def targets(self) -> tuple[str, ...]:
        return (NOLOGIN,)

    def about(self) -> str:
        return f"take {NOLOGIN} away, so that ordinary users can log in again"

    def command(self) -> str:
        return f"rm {NOLOGIN}"

    def refusal(self, view: View, config: Config) -> str:
        del config
        state = view.files.look(NOLOGIN)
        if state is None or (state.inode, state.device) != (self.inode, self.device):
            return f"{NOLOGIN} is not the same file any more"
        return shutdown_meant(view) or ("" if closed(view) else "the host is still booting")

    def do(self, machine: "Machine") -> str:
        machine.quarantine.take(NOLOGIN, inode=self.inode, device=self.device)
        return f"{NOLOGIN} is moved aside"

    def verify(self, view: View) -> str:
        return f"{NOLOGIN} is still there" if view.files.look(NOLOGIN) else ""

    def undo(self, machine: "Machine", before: Before) -> str:
        del before  # the fields say it all
        return machine.quarantine.bring_back(NOLOGIN, inode=self.inode)
