"""How near a unit is to the limits of its processes: open files, tasks in its group, processes of its account."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.host.groups import Groups, Room
from orchestrator.host.processes import Processes

_PROCESSES = 64
"""Of one group: the rest are workers like these."""
_SPARE_FILES = 2
_FULL_SHARE = 0.97


@dataclass(frozen=True, slots=True)
class Files:
    """The open files of the process of a group that is nearest to its own limit."""

    pid: int
    used: int
    limit: int

    @property
    def full(self) -> bool:
        return self.limit - self.used <= _SPARE_FILES or self.used >= _FULL_SHARE * self.limit


def nearest_files(pids: tuple[int, ...]) -> Files | None:
    """None when there are no processes that may be read."""
    return max(_files(pids), key=lambda files: files.used / max(files.limit, 1), default=None)


def _files(pids: tuple[int, ...]) -> Iterator[Files]:
    for pid in pids[:_PROCESSES]:
        with suppress(OSError, ValueError):
            limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            if limit > 0:
                yield Files(pid, len(os.listdir(f"/proc/{pid}/fd")), limit)  # noqa: PTH208  # a count alone


def full_tasks(groups: Groups, group: str) -> Room | None:
    """The limit of tasks that a group has met; None while there is room."""
    room = groups.tasks_room(group)
    return room if room and room.used >= room.limit else None


def full_account(processes: Processes, pid: int) -> tuple[int, int] | None:
    """(tasks, limit) of the account that a process runs as, when it may have no more; root has no such limit."""
    with suppress(OSError, ValueError):
        limit, _ = resource.prlimit(pid, resource.RLIMIT_NPROC)
        own = processes.get(pid)
        if own is None or own.uid == 0 or limit < 0:
            return None
        used = sum(process.threads for process in processes.all() if process.uid == own.uid)
        return (used, limit) if used >= limit else None
    return None
