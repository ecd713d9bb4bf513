"""One line of `doctor`."""

from dataclasses import dataclass
from typing import Literal

UNIT = "autonomous-orchestrator.service"
DASHBOARD = "escalation-dashboard.service"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, and the line that mends it."""

    part: str
    state: Literal["ok", "warn", "bad"]
    what: str
    mend: str = ""
