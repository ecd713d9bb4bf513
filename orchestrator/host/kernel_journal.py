"""The kernel's lines as the journal has them, for who may not read the kernel's own log."""

import time

from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import LINES_LIMIT, Journal, Line

_SET_BACK_SECONDS = 60.0
"""So far before the look the clock may have been set."""


class KernelJournal:
    """Tells each line once. Not thread-safe."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._hears = False
        self._at = 0.0
        self._last: set[Line] = set()
        """The lines of the moment up to which all were told: a moment may have more."""

    def new(self, since: float) -> tuple[Line, ...]:
        """What came since the last call, oldest first, and since then. Raises Unavailable, also where journald hears no kernel."""
        if not self._hears and not self._journal.kernel_lines(0.0, 1):
            raise Unavailable("the journal has no line of the kernel's, of this boot")
        self._hears = True
        now = time.time()
        if self._at > now:  # the clock was set back: what is said from now on has times that were there before
            self._at = now - _SET_BACK_SECONDS
        lines = self._journal.kernel_lines(max(since, self._at), LINES_LIMIT)
        found = tuple(line for line in lines if line not in self._last)
        if lines:
            self._at = max((line.at for line in lines if line.at <= now), default=self._at)
            self._last = {line for line in lines if line.at >= self._at}
        return found
