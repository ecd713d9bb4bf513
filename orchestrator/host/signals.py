"""Wakes the daemon when systemd says that something changed."""

from collections.abc import Callable

from orchestrator.host.systemd import Units


class Signals:
    """A listener thread with a connection of its own.

    `on_change(names)` is called in that thread with the units that changed, within ~5 ms of a crash; an empty set means
    that everything may have changed (reconnected, reloaded). It must return at once.
    """

    def __init__(self, units: Units, on_change: Callable[[frozenset[str]], None]) -> None:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether signals are being received now. While it is False only the sweep sees changes."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
