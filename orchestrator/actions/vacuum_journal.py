"""Gives disk space back that the journal took."""

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View, run
from orchestrator.model import Action, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

JOURNAL = "/var/log/journal"
KEEP_BYTES = (256 << 20, 64 << 20, 16 << 20)
"""What may stay, gentlest first; fixed steps, so that the same plan is the same plan the next time."""
_SLACK = 32 << 20
"""Active files are not vacuumed; journald makes each user's and the system's at least 4 to 8 MB large."""
_SECONDS = 60
_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class VacuumJournal(Action):
    """Old entries are lost for good, which is why it is medium; evidence of the incident was gathered before."""

    kind: Literal["vacuum_journal"] = "vacuum_journal"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = False
    keep_bytes: Annotated[int, Field(ge=16 << 20)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """Where the journal lies in the scope, and at least half of it would go."""
        del view, config
        if not case.scope.holds(JOURNAL):
            return ()
        used = _used()
        return tuple(cls(keep_bytes=keep) for keep in KEEP_BYTES if used >= 2 * keep)

    def targets(self) -> tuple[str, ...]:
        return (JOURNAL,)

    def about(self) -> str:
        return f"remove old journal files until {self.keep_bytes >> 20} MB are left"

    def command(self) -> str:
        return f"journalctl --rotate --vacuum-size={self.keep_bytes >> 20}M"

    def do(self, machine: "Machine") -> str:
        """Rotated first: only archived files are ever removed."""
        argv = ["journalctl", "--rotate", f"--vacuum-size={self.keep_bytes}"]
        result = machine.commands.run(argv, user=None, timeout=_SECONDS, name="vacuum-journal")
        if result.exit != 0:
            raise ChangeFailed(
                f"journalctl ended with {'its time' if result.timed_out else f'status {result.exit}'}: {result.output[-300:]}"
            )
        return f"the journal takes {_used() >> 20} MB"

    def verify(self, view: View) -> str:
        del view
        used = _used()
        return "" if used <= self.keep_bytes + _SLACK else f"the journal still takes {used >> 20} MB"


def _used() -> int:
    """Bytes by journald's own word; 0 when it does not tell."""
    said = re.search(r"take up ([0-9.]+)([BKMGT])", run(["journalctl", "--disk-usage"], timeout=5).output)
    return int(float(said[1]) * _UNITS[said[2]]) if said else 0
