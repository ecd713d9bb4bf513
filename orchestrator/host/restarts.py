"""Counts the automatic restarts that `Restart=` hides: a unit that comes back in 20 ms is never seen failed by a sweep."""

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

_UNITS = 2000
_TIMES = 200
"""A unit's restarts beyond these are forgotten, oldest first; so are the units noted longest ago."""


@dataclass(slots=True)
class _Seen:
    n_restarts: int
    invocation: str
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMES))


class Restarts:
    """Thread-safe. systemd's counter tells how many, the moment of noting tells when."""

    def __init__(self) -> None:
        self._units: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, name: str, n_restarts: int, invocation: str) -> None:
        """`n_restarts` is systemd's counter, `invocation` the run that it was read with, both at one moment.

        What was counted before the first look is no news. systemd raises the counter shortly before the new run begins,
        so the same run noted again is none either. A start by hand sets it back to 0: a value that did not grow in
        another run counts from there.
        """
        with self._lock:
            seen = self._units.get(name)
            if seen is None:
                self._remember(name, _Seen(n_restarts, invocation))
            elif invocation != seen.invocation:
                grown = n_restarts - seen.n_restarts
                new = grown if grown > 0 else n_restarts
                seen.times.extend([time.monotonic()] * min(new, _TIMES))
                seen.n_restarts, seen.invocation = n_restarts, invocation
                self._units.move_to_end(name)

    def count(self, name: str, within: float) -> int:
        since = time.monotonic() - within
        with self._lock:
            seen = self._units.get(name)
            return sum(at >= since for at in seen.times) if seen else 0

    def names(self, within: float) -> tuple[str, ...]:
        """The units with an automatic restart in the last `within` seconds."""
        since = time.monotonic() - within
        with self._lock:
            return tuple(name for name, seen in self._units.items() if seen.times and seen.times[-1] >= since)

    def _remember(self, name: str, seen: _Seen) -> None:
        self._units[name] = seen
        while len(self._units) > _UNITS:
            self._units.popitem(last=False)
