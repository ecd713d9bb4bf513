"""The kernel's lines as the journal has them, for who may not read the kernel's own log."""

from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import LINES_LIMIT, Journal, Line


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
        lines = self._journal.kernel_lines(max(since, self._at), LINES_LIMIT)
        found = tuple(line for line in lines if line not in self._last)
        if lines:
            self._at = lines[-1].at
            self._last = {line for line in lines if line.at == self._at}
        return found
