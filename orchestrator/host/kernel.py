"""The host as a whole, by the kernel's own counters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes."""

    total: int
    available: int
    swap_total: int
    swap_free: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """Percent of the last 10 and 60 seconds in which some, or all, tasks were stalled (PSI)."""

    some10: float
    some60: float
    full10: float
    full60: float


class Kernel:
    def memory(self) -> Memory:
        raise NotImplementedError

    def pressure(self, resource: str) -> Pressure:
        """`resource`: cpu, memory or io. Raises Unavailable where the kernel counts none."""
        raise NotImplementedError

    def oom_kills(self) -> int:
        """Kills by the OOM killer since the boot."""
        raise NotImplementedError

    def boot_id(self) -> str:
        raise NotImplementedError

    def started_at(self) -> float:
        """When the kernel started."""
        raise NotImplementedError

    def file_handles(self) -> tuple[int, int]:
        """Open file handles of the whole host, and how many there may be."""
        raise NotImplementedError
