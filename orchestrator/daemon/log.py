"""The daemon's log: stderr, with priorities that the journal understands."""

import logging
import os
import time
from collections.abc import Callable

_LOOKS = "orchestrator.checks"
_AGAIN_SECONDS = 3600.0
_KEPT = 1000


def log_to_stderr() -> None:
    """Below systemd, `<n>` tells the journal the priority; the journal adds the time itself."""
    below_systemd = bool(os.environ.get("JOURNAL_STREAM"))
    handler = logging.StreamHandler()
    handler.setFormatter(_JournalFormat() if below_systemd else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_once_an_hour())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _once_an_hour() -> Callable[[logging.LogRecord], bool]:
    """What a check says at each of its looks would fill the journal, and everybody else would be hard to find there."""
    told: dict[str, float] = {}

    def is_new(record: logging.LogRecord) -> bool:
        if not record.name.startswith(_LOOKS) or record.levelno > logging.INFO:
            return True
        said, now = record.getMessage(), time.monotonic()
        if now - told.get(said, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return False
        if len(told) >= _KEPT:
            told.clear()
        told[said] = now
        return True

    return is_new


class _JournalFormat(logging.Formatter):
    _PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in self._PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
