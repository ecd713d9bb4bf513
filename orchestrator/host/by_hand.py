"""What administrators mounted and unmounted by hand, as far as a witness tells: systemd has no job for that, and sudo writes it down.

A shell that already is root's leaves no trace; then nobody knows.
"""

import re
import threading
import time
from dataclasses import dataclass, field

from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import Journal, Line

_SUDO = "/usr/bin/sudo"
_LINES = 500
_BELIEVED_SECONDS = 5.0
_SLACK_SECONDS = 1.0
_UNWRITTEN_SECONDS = 1.0
"""So far back journald may not have come yet."""
_CALL = re.compile(r"\s*(?P<user>\S+) : (?:TTY|PWD)=.* ; COMMAND=(?P<command>.+)")
"""What sudo refused says why where this says TTY= or PWD=."""


@dataclass(slots=True)
class ByHand:
    """Thread-safe."""

    journal: Journal
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read_at: float = 0.0
    _knows_until: float = 0.0
    _lines: tuple[Line, ...] = ()

    def unmounted(self, point: str, since: float = 0.0, gone_at: float = 0.0) -> str:
        """Who last unmounted it since then, and was not the one to mount it again; empty for nobody that is known.

        `gone_at`: when it went. What was read before that tells nothing of it.
        """
        told = self._last(point, since, gone_at)
        return told if "umount" in told else ""

    def made_read_only(self, point: str) -> str:
        """Who last remounted it read-only; empty for nobody that is known."""
        told = self._last(point, 0.0)
        return told if re.search(r"\bremount\b", told) and re.search(r"\bro\b", told) else ""

    def _last(self, point: str, since: float, until: float = 0.0) -> str:
        calls = (called(line.message, point) for line in self._said(until) if line.at >= since)
        return next(reversed([call for call in calls if call]), "")

    def _said(self, until: float) -> tuple[Line, ...]:
        with self._lock:
            if time.monotonic() - self._read_at > _BELIEVED_SECONDS or self._knows_until <= until + _SLACK_SECONDS:
                now = self._knows_until = time.time()
                if now - until < _BELIEVED_SECONDS and not self.journal.catch_up():  # sudo's line may not be written yet
                    self._knows_until = now - _UNWRITTEN_SECONDS
                try:
                    self._lines = self.journal.of_program(_SUDO, _LINES)
                except Unavailable:
                    if self.journal.is_closed():  # there is a witness, and he may not be heard
                        raise
                    self._lines = ()
                self._read_at = time.monotonic()
            return self._lines


def called(message: str, point: str) -> str:
    """`ann: umount /srv/x` where the line tells of a mount or umount of this point; else empty."""
    match = _CALL.fullmatch(message)
    words = match["command"].split() if match else []
    if not match or not words or words[0].rpartition("/")[2] not in ("mount", "umount"):
        return ""
    named = {word.rstrip("/") for word in words[1:]}
    return f"{match['user']}: {' '.join([words[0].rpartition('/')[2], *words[1:]])}" if point in named else ""
