"""How many calls may be under way at once, whoever asks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from phases.models.words import ModelFailed


class Gate:
    """Thread-safe. It may be set to another width while calls are under way: those go on, and count."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._inside = 0
        self._changed = threading.Condition()

    def set_width(self, width: int) -> None:
        with self._changed:
            self._width = width
            self._changed.notify_all()

    @contextmanager
    def through(self, deadline: float) -> Iterator[None]:
        """Raises ModelFailed when there is no room before `deadline`, of the monotonic clock."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._inside < self._width, timeout=max(0.0, deadline - time.monotonic())):
                raise ModelFailed("busy", f"{self._inside} calls are under way already, and none ended in time")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify()
