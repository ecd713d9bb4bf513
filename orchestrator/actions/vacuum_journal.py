"""Gives disk space back that the journal took."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.checks.disk_full import is_full
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.host.journal_room import journal_bytes
from orchestrator.model import Action, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

JOURNAL = "/var/log/journal"
KEEP_BYTES = (256 << 20, 64 << 20, 16 << 20)
"""What may stay, gentlest first; fixed steps, so that the same plan is the same plan the next time."""
_SLACK = 32 << 20
"""Active files are not vacuumed; journald makes each user's and the system's at least 4 to 8 MB large."""
_SECONDS = 60


class VacuumJournal(Action):
    """Old entries are lost for good, which is why it is medium; evidence of the incident was gathered before."""

    kind: Literal["vacuum_journal"] = "vacuum_journal"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = False
    keep_bytes: Annotated[int, Field(ge=16 << 20)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Where the journal lies in the scope, and at least half of it would go."""
        del config
        if not case.scope.holds(JOURNAL):
            return ()
        used = journal_bytes(view)
        return tuple(cls(keep_bytes=keep) for keep in KEEP_BYTES if used >= 2 * keep)

    def targets(self) -> tuple[str, ...]:
        return (JOURNAL,)

    def about(self) -> str:
        return f"remove old journal files until {self.keep_bytes >> 20} MB are left"

    def command(self) -> str:
        return f"journalctl --rotate --vacuum-size={self.keep_bytes >> 20}M"

    def refusal(self, view: View, config: Config) -> str:
        """The gentlest step that helps, and only for room: what is lost is what tells of the last days."""
        if not is_full(view, config, JOURNAL):
            return f"the file system of {JOURNAL} has room"
        used = journal_bytes(view)
        gentler = (keep for keep in KEEP_BYTES if keep > self.keep_bytes and used >= 2 * keep)
        if self.keep_bytes not in KEEP_BYTES or any(gentler):
            return f"it may keep more than {self.keep_bytes >> 20} MB"
        return ""

    def do(self, machine: "Machine") -> str:
        """Rotated first: only archived files are ever removed."""
        argv = ["journalctl", "--rotate", f"--vacuum-size={self.keep_bytes}"]
        result = machine.commands.run(argv, user=None, timeout=_SECONDS, name="vacuum-journal")
        if result.exit != 0:
            raise ChangeFailed(
                f"journalctl ended with {'its time' if result.timed_out else f'status {result.exit}'}: {result.output[-300:]}"
            )
        return f"the journal takes {journal_bytes(machine.view) >> 20} MB"

    def verify(self, view: View) -> str:
        used = journal_bytes(view)
        return "" if used <= self.keep_bytes + _SLACK else f"the journal still takes {used >> 20} MB"
