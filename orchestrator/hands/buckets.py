"""Token buckets: how often somebody may ask. Who asks too often is told so, and costs nobody else anything."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    at_once: float
    a_second: float


class Buckets:
    """Thread-safe. A bucket that is full again is forgotten, so there are never more than who asked lately."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._left: dict[tuple[int, str], tuple[float, float, Pace]] = {}

    def take(self, uid: int, what: str, pace: Pace) -> bool:
        """One more of `what` by `uid`: whether there is a token for it."""
        now = time.monotonic()
        with self._guard:
            self._forget(now)
            left = self._now((uid, what), pace, now)
            self._left[uid, what] = max(left - 1, 0.0) if left >= 1 else left, now, pace
            return left >= 1

    def _now(self, key: tuple[int, str], pace: Pace, now: float) -> float:
        left, at, _ = self._left.get(key, (pace.at_once, now, pace))
        return min(pace.at_once, left + (now - at) * pace.a_second)

    def _forget(self, now: float) -> None:
        full = [key for key, (_, _, pace) in self._left.items() if self._now(key, pace, now) >= pace.at_once]
        for key in full:
            del self._left[key]
