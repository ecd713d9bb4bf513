"""Units that write more than journald takes: it drops their lines, and says so by a way that nobody else can write on.

journald itself is the gauge: whoever floods keeps it busy, also with the lines that it drops. While it is not, no journal is read.
"""

import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from orchestrator.host.journal import Journal
from orchestrator.host.processes import Processes
from orchestrator.model import is_unit

_JOURNALD = "/system.slice/systemd-journald.service"
_BUSY_SHARE = 0.002
"""Of a CPU: some hundred lines a second that are dropped, fewer that are kept."""
_LOOK_BACK_SECONDS = 300.0
_LASTING_SECONDS = 20.0
"""A burst that is dropped once is over before anybody could do something about it."""
_OVER_SECONDS = 90.0
"""journald tells of what it dropped when the next 30 s begin, if the unit still writes then."""
_SUPPRESSED = re.compile(r"Suppressed (\d{1,12}) messages from (?:.*/)?([^/\s]+)")
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Flood:
    unit: str
    dropped: int
    seconds: float
    """Since the first of these lines was missed."""


@dataclass(slots=True)
class Floods:
    """Thread-safe."""

    journal: Journal
    processes: Processes
    _drops: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    """For each unit: when journald said so, and of how many lines."""
    _read_until: float = 0.0
    _gauge: tuple[float, float] = (0.0, 0.0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self, now: float) -> tuple[Flood, ...]:
        """Those that go on. Raises Unavailable."""
        with self._lock:
            if self._is_busy() or self._drops:
                self._read(now)
            floods = (self._flood(unit, list(drops), now) for unit, drops in self._drops.items())
            return tuple(flood for flood in floods if flood)

    def dropped(self, unit: str, since: float) -> int:
        """How many of its lines journald says it has dropped since then."""
        return sum(count for _, name, count in self._told(since) if name == unit)

    def seen_to(self, unit: str, now: float) -> None:
        """Something was done about it: only what is dropped from now on counts."""
        with self._lock:
            self._drops.pop(unit, None)
            self._read_until = max(self._read_until, now)

    def _is_busy(self) -> bool:
        (before, then), (ran, at) = self._gauge, (self.processes.ran(_JOURNALD), time.monotonic())
        self._gauge = ran, at
        return not then or ran - before >= _BUSY_SHARE * (at - then)

    def _read(self, now: float) -> None:
        if self._read_until > now:  # the clock was set back: those times come again
            self._read_until = 0.0
            self._drops.clear()
        told = self._told(max(self._read_until, now - _LOOK_BACK_SECONDS))
        for at, unit, count in told:
            if at > self._read_until:
                self._drops.setdefault(unit, deque(maxlen=_KEPT)).append((at, count))
        self._read_until = max([self._read_until, *(at for at, _, _ in told)])
        over = [unit for unit, drops in self._drops.items() if now - drops[-1][0] > _OVER_SECONDS]
        for unit in over:
            del self._drops[unit]

    def _told(self, since: float) -> list[tuple[float, str, int]]:
        found = ((line.at, _SUPPRESSED.fullmatch(line.message.strip())) for line in self.journal.suppressed(since))
        return [(at, match[2], int(match[1])) for at, match in found if match and is_unit(match[2])]

    @staticmethod
    def _flood(unit: str, drops: list[tuple[float, int]], now: float) -> Flood | None:
        fresh = [(at, count) for at, count in drops if now - at <= _LOOK_BACK_SECONDS]
        if len(fresh) < 2 or fresh[-1][0] - fresh[0][0] < _LASTING_SECONDS:
            return None
        return Flood(unit, sum(count for _, count in fresh), now - fresh[0][0])
