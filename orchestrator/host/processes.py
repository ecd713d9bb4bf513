"""Processes, by /proc. A pid is a name that is given again: whoever keeps one keeps `started_at` with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    ppid: int
    comm: str
    state: str
    """One letter of proc(5): R, S, D, Z, T, ..."""
    started_at: float
    uid: int
    exe: str = ""
    """Empty for a kernel thread, or where it may not be read; ends in " (deleted)" after an upgrade."""
    argv: tuple[str, ...] = ()
    cgroup: str = ""
    unit: str = ""
    rss: int = 0
    """Bytes."""
    threads: int = 0


class Processes:
    def get(self, pid: int) -> Process | None:
        """None when there is no such process (or no longer)."""
        raise NotImplementedError

    def all(self) -> tuple[Process, ...]:
        raise NotImplementedError

    def in_cgroup(self, path: str) -> tuple[Process, ...]:
        """Every process in the group (a unit's `control_group`) and in those beneath it."""
        raise NotImplementedError

    def is_same(self, pid: int, started_at: float) -> bool:
        """Whether the pid still names the process that began at `started_at`."""
        raise NotImplementedError

    def open_files(self, pid: int) -> int:
        """How many file descriptors it holds. Raises Unavailable where that may not be read."""
        raise NotImplementedError

    def limit_nofile(self, pid: int) -> int | None:
        """The soft limit in force: systemd clamps LimitNOFILE= without a word."""
        raise NotImplementedError
