"""How often a client may do something."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

CLIENTS = 1000


class Buckets:
    """A token bucket a client. The table is bounded: beyond that who was quiet for longest is forgotten, and has a full one again."""

    def __init__(self, *, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """0, or after how many seconds there is one to take."""
        now = self._clock()
        with self._lock:
            left, at = self._left.pop(client, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            taken = left >= 1
            self._left[client] = (left - 1 if taken else left, now)
            while len(self._left) > CLIENTS:
                self._left.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._per_second
