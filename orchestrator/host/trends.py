"""How a measured value went since a run began: few points, evenly thinned, so that the beginning is never forgotten."""

import threading
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise

_NAMES = 1000
_POINTS = 33
"""Odd: of a full row every second point goes, and it still reaches from the first until the last."""
_RECENT = 8


@dataclass(slots=True)
class _Row:
    run: str
    apart: float
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class Trend:
    """The points of one run, oldest first; times are seconds of the monotonic clock."""

    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def span(self) -> float:
        return self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def grown(self) -> float:
        return self.values[-1] - self.values[0] if self.values else 0.0

    def rises(self, least: float) -> bool:
        """Whether it rose in every quarter of the time, and by `least` in all: a warm-up levels off, a leak does not.

        The last quarter must be as steep as half of the whole, and no point lies far below one before it.
        """
        if len(self.values) < _RECENT or self.grown < least:
            return False
        marks = [self.values[n * (len(self.values) - 1) // 4] for n in range(5)]
        steps = [after - before for before, after in pairwise(marks)]
        highest, dropped = self.values[0], 0.0
        for value in self.values:
            highest = max(highest, value)
            dropped = max(dropped, highest - value)
        return min(steps) > 0 and steps[-1] >= self.grown / 8 and dropped < self.grown / 4

    def seconds_until(self, limit: float) -> float:
        """When it will meet the limit if it goes on as in its second half; infinite when it does not rise."""
        if len(self.values) < 2:
            return float("inf")
        half = len(self.values) // 2
        passed, grown = self.times[-1] - self.times[half - 1], self.values[-1] - self.values[half - 1]
        return max(0.0, limit - self.values[-1]) * passed / grown if grown > 0 else float("inf")


class Trends:
    """Thread-safe. `run` names what the value belongs to (a process and its start): another one begins a new row."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, name: str, run: str, value: float, at: float, *, apart: float = 1.0) -> Trend:
        """The row with this value, which is kept when the last one is `apart` seconds old (longer in a long run)."""
        with self._lock:
            row = self._rows.get(name)
            if row is None or row.run != run:
                row = self._rows[name] = _Row(run, apart)
            self._rows.move_to_end(name)
            while len(self._rows) > _NAMES:
                self._rows.popitem(last=False)
            if row.times and at - row.times[-1] < row.apart:
                return Trend((*row.times, at), (*row.values, value))
            row.times.append(at)
            row.values.append(value)
            if len(row.times) >= _POINTS:
                row.times, row.values, row.apart = row.times[::2], row.values[::2], 2 * row.apart
            return Trend(tuple(row.times), tuple(row.values))

    def of(self, name: str) -> Trend:
        """Empty for what was never noted."""
        with self._lock:
            row = self._rows.get(name)
            return Trend(tuple(row.times), tuple(row.values)) if row else Trend()

    def forget(self, name: str) -> None:
        with self._lock:
            self._rows.pop(name, None)
