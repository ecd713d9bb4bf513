"""The host as a whole, by the kernel's own counters."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable

TICKS = os.sysconf("SC_CLK_TCK")
_STEP_SECONDS = 0.2
"""So far two looks at an unset clock are never apart."""
_READ_SECONDS = 0.01
"""Between two looks at the clocks; a longer pause between them says nothing."""


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
    """Reads `/proc` (or a directory like it). Raises Unavailable for what this kernel does not count."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._started_at = 0.0

    def memory(self) -> Memory:
        table = {}
        for line in self._read("meminfo").splitlines():
            name, _, value = line.partition(":")
            table[name] = int(value.split()[0]) * 1024
        return Memory(table["MemTotal"], table["MemAvailable"], table["SwapTotal"], table["SwapFree"])

    def pressure(self, resource: str) -> Pressure:
        """`resource`: cpu, memory or io."""
        return pressure_in(self._read(f"pressure/{resource}"))

    def oom_kills(self) -> int:
        """Kills by the OOM killer since the boot, of the whole machine."""
        for line in self._read("vmstat").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        raise Unavailable("this kernel does not count its OOM kills")

    def boot_id(self) -> str:
        return self._read("sys/kernel/random/boot_id").strip()

    def started_at(self) -> float:
        """When the kernel started, by the clock as it is set now; the very same number as long as nobody sets it.

        Processes are called by it: so the daemon and the hands, which may have begun under another clock, call them alike.
        """
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        now = time.time()
        after = time.clock_gettime(time.CLOCK_BOOTTIME)
        if abs(now - after - self._started_at) > _STEP_SECONDS and (after - before < _READ_SECONDS or not self._started_at):
            self._started_at = now - after
        return self._started_at

    def init_started_at(self) -> float:
        """When PID 1 started: later than the kernel in a container."""
        return self.started_at() + self._init_after()

    def init_up(self) -> float:
        """How long the machine had been up when PID 1 started, in seconds by CLOCK_MONOTONIC, as the journal has it.

        The kernel counts a process's start with the time that the machine slept (proc(5)): all of that is taken off, so that it is
        never too late.
        """
        slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        return self._init_after() - slept

    def _init_after(self) -> float:
        """Seconds from the kernel's start to that of PID 1."""
        after_comm = self._read("1/stat").rpartition(")")[2].split()
        return int(after_comm[19]) / TICKS

    def file_handles(self) -> tuple[int, int]:
        """Open file handles of the whole host, and how many there may be."""
        used, _, most = self._read("sys/fs/file-nr").split()
        return int(used), int(most)

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise Unavailable(f"{self._proc / name} cannot be read: {error.strerror}") from None


def pressure_in(text: str) -> Pressure:
    """The two lines of a PSI file, the host's or a group's."""
    rows = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        rows[kind] = {name: float(value) for name, value in (pair.split("=") for pair in pairs)}
    some, full = rows["some"], rows.get("full", {})
    return Pressure(some["avg10"], some["avg60"], full.get("avg10", 0.0), full.get("avg60", 0.0))
