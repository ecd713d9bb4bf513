"""The daemon's log: stderr, with priorities that the journal understands."""

import logging
import os


def log_to_stderr() -> None:
    """Below systemd, `<n>` tells the journal the priority; the journal adds the time itself."""
    below_systemd = bool(os.environ.get("JOURNAL_STREAM"))
    handler = logging.StreamHandler()
    handler.setFormatter(_JournalFormat() if below_systemd else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _JournalFormat(logging.Formatter):
    _PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in self._PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
