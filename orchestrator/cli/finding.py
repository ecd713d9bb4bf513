"""One line of `doctor`."""

from dataclasses import dataclass
from typing import Literal

UNIT = "autonomous-orchestrator.service"
HANDS = "autonomous-orchestrator-hands.service"
HANDS_SOCKET = "autonomous-orchestrator-hands.socket"
DASHBOARD = "escalation-dashboard.service"

_WORST_FIRST = ("bad", "warn", "ok")


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, and the line that mends it: it can be pasted as it stands."""

    part: str
    state: Literal["ok", "warn", "bad"]
    what: str
    mend: str = ""

    @property
    def rank(self) -> int:
        return _WORST_FIRST.index(self.state)
