"""Reads the journal: to explain, never to detect (a follower lags by design)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `message` is hostile text, bounded and without control characters; the other fields journald vouches for."""

    at: float
    message: str
    priority: int = 6
    pid: int = 0
    comm: str = ""
    unit: str = ""
    trusted: bool = False
    """It came from PID 1 itself: `logger -t systemd` cannot forge that."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Other trusted fields that were asked for: `manager_lines` gives MESSAGE_ID, JOB_TYPE, JOB_RESULT, INVOCATION_ID."""


class Journal:
    """Asks journalctl, with a deadline. Raises Unavailable where there is no journal or no permission to read it."""

    def has_journal(self) -> bool:
        raise NotImplementedError

    def tail(
        self,
        unit: str | None,
        *,
        lines: int = 50,
        since: float | None = None,
        invocation: str | None = None,
        boot_only: bool = True,
    ) -> tuple[Line, ...]:
        """The last `lines` entries of the unit and of PID 1 about it, oldest first; `unit=None` is the whole journal."""
        raise NotImplementedError

    def manager_lines(self, unit: str, since: float, lines: int = 200) -> tuple[Line, ...]:
        """What PID 1 itself said about the unit since then, oldest first."""
        raise NotImplementedError

    def kernel_lines(self, since: float, lines: int = 200) -> tuple[Line, ...]:
        """What the kernel logged since then, oldest first."""
        raise NotImplementedError
