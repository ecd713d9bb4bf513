"""The units of this host, by systemd's own word."""

from collections.abc import Mapping

from orchestrator.host.bus import Bus
from orchestrator.host.journal import Journal
from orchestrator.host.unit import Job, Stop, Unit, UnitLine


class Units:
    """Reads systemd. Every method raises Unavailable when systemd does not run here or does not answer in time."""

    def __init__(self, bus: Bus, journal: Journal) -> None:
        raise NotImplementedError

    def list(self) -> tuple[UnitLine, ...]:
        """Every loaded unit, as `systemctl list-units --all`."""
        raise NotImplementedError

    def failed(self) -> tuple[UnitLine, ...]:
        """What `systemctl --failed` shows: it misses most outages, and costs 0.3 ms."""
        raise NotImplementedError

    def get(self, name: str) -> Unit:
        """Everything about one unit. A name that does not exist is a Unit with load_state `not-found`; costs 2-3 ms."""
        raise NotImplementedError

    def jobs(self) -> tuple[Job, ...]:
        raise NotImplementedError

    def booted_at(self) -> float:
        """When the boot finished by systemd's own word; 0.0 while it still starts."""
        raise NotImplementedError

    def system_state(self) -> str:
        """running, degraded, initializing, starting, maintenance or stopping."""
        raise NotImplementedError

    def shutdown_scheduled(self) -> bool:
        """Whether the host goes down: `shutdown +5` is pending, or it is stopping now."""
        raise NotImplementedError

    def needs(self, name: str) -> tuple[str, ...]:
        """What the unit cannot run without, one level: Requires, Requisite, BindsTo, its mounts, and the sockets that trigger it."""
        raise NotImplementedError

    def below(self, name: str, declared: Mapping[str, tuple[str, ...]] = {}) -> tuple[str, ...]:
        """All that the unit needs, transitively, nearest first, with the operator's `declared` dependencies; at most 200.

        Without slices, the targets that everything needs, and the root mount.
        """
        raise NotImplementedError

    def above(self, name: str) -> tuple[str, ...]:
        """All that needs the unit, transitively, nearest first; at most 200."""
        raise NotImplementedError

    def stopped_by_hand(self, unit: Unit) -> Stop | None:
        """The stop that somebody asked for and that left the unit inactive or failed; None when it went away by itself."""
        raise NotImplementedError

    def note(self, name: str, n_restarts: int, invocation: str) -> None:
        """Count an automatic restart, once for each (invocation, n_restarts). Signals and sweeps both call it."""
        raise NotImplementedError

    def restarts(self, name: str, within: float) -> int:
        """Automatic restarts noted in the last `within` seconds."""
        raise NotImplementedError

    def starts_refused(self, unit: Unit) -> bool:
        """Whether the start limit stands against a start. `Result=` lies about it, so PID 1's own line is asked too."""
        raise NotImplementedError
