"""What the kernel counts for a cgroup: memory, tasks, pressure. One shape for v1, hybrid and v2.

A limit of a slice above counts too: the nearest one is the one that is met. What no controller counts is None, never 0.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.kernel import Pressure, pressure_in

_UNLIMITED = 1 << 62
"""v1 writes "no limit" as the largest number of whole pages."""
_MOST_ABOVE = 20


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a limit is used, and whose limit it is."""

    used: int
    limit: int
    group: str

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0


class Groups:
    """Reads `/sys/fs/cgroup` (or a directory like it)."""

    def __init__(self, root: Path = Path("/sys/fs/cgroup")) -> None:
        self._root = root

    def of_unit(self, unit: str) -> str:
        """The group of a service where systemd puts it unasked; empty when it is not there (stopped, or in a slice of its own)."""
        prefix, _, _ = unit.partition("@")
        slices = ("/system.slice", f"/system.slice/system-{prefix}.slice") if "@" in unit else ("/system.slice",)
        for path in (f"{parent}/{unit}" for parent in slices):
            if any(Path(f"{self._root}{top}{path}").is_dir() for top in ("/systemd", "/unified", "")):
                return path
        return ""

    def memory_room(self, path: str) -> Room | None:
        """Memory that cannot be dropped against the nearest limit: a cache of files is given back before anything is killed."""
        return self._nearest(path, "memory", ("memory.max", "memory.limit_in_bytes"), self.memory)

    def memory(self, path: str) -> int | None:
        """Bytes of the group without its cache of files."""
        table = self._table(path, "memory", "memory.stat")
        used = table.get("anon", table.get("total_rss"))
        if used is None:
            return None
        return used + table.get("shmem", table.get("total_shmem", 0))

    def oom_kills(self, path: str) -> int:
        """Processes of the group that the OOM killer ended since the group was made."""
        events = self._table(path, "memory", "memory.events") or self._table(path, "memory", "memory.oom_control")
        return events.get("oom_kill", 0)

    def tasks_room(self, path: str) -> Room | None:
        return self._nearest(path, "pids", ("pids.max",), lambda group: self._number(group, "pids", "pids.current"))

    def refused_forks(self, path: str) -> int:
        """How often a task could not be made for want of room, since the group was made."""
        return self._table(path, "pids", "pids.events").get("max", 0)

    def pressure(self, path: str, resource: str) -> Pressure | None:
        """How much of the time tasks of this very group were stalled; None where the kernel does not count by group."""
        for top in ("/unified", ""):
            with suppress(OSError, Unavailable, KeyError, ValueError):
                return pressure_in(Path(f"{self._root}{top}{path}/{resource}.pressure").read_text("ascii"))
        return None

    def _nearest(self, path: str, controller: str, names: tuple[str, ...], used_by: Callable[[str], int | None]) -> Room | None:
        rooms = []
        for group in _upward(path):
            limit = next((number for name in names if (number := self._number(group, controller, name)) is not None), None)
            used = used_by(group) if limit is not None and limit < _UNLIMITED else None
            if limit is not None and used is not None:
                rooms.append(Room(used, limit, group))
        return max(rooms, key=lambda room: room.share, default=None)

    def _number(self, path: str, controller: str, name: str) -> int | None:
        """None for `max`, and where there is no such file."""
        text = self._text(path, controller, name).strip()
        return int(text) if text.isdigit() else None

    def _table(self, path: str, controller: str, name: str) -> dict[str, int]:
        rows = (line.split() for line in self._text(path, controller, name).splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}

    def _text(self, path: str, controller: str, name: str) -> str:
        if path in ("", "/"):
            return ""
        for top in (f"/{controller}", ""):
            with suppress(OSError):
                return Path(f"{self._root}{top}{path}/{name}").read_text("ascii", errors="replace")
        return ""


def _upward(path: str) -> tuple[str, ...]:
    """The group itself and those above it, but for the root."""
    parts = [part for part in path.split("/") if part]
    return tuple("/" + "/".join(parts[:n]) for n in range(len(parts), 0, -1))[:_MOST_ABOVE]
