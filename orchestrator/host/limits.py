"""How near a unit is to the limits of its processes: open files, tasks in its group, processes of its account."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.groups import Groups, Room
from orchestrator.host.processes import Processes
from orchestrator.host.rights import Own, Rights

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


class Limits:
    """Limits are everybody's to read (not by prlimit(2), but in /proc); what is used of them is not on every kernel."""

    def __init__(self, processes: Processes, groups: Groups, rights: Rights | None = None, proc: Path = Path("/proc")) -> None:
        self._processes = processes
        self._groups = groups
        self._rights = rights or Own()
        self._proc = str(proc)

    def open_files(self, pids: Iterable[int]) -> dict[int, int]:
        """How many file descriptors each holds; those that ended meanwhile are not in it. Raises Unavailable."""
        found: dict[int, int] = {}
        closed: list[int] = []
        for pid in pids:
            try:
                found[pid] = _count(f"{self._proc}/{pid}/fd")
            except PermissionError:
                closed += [pid] if os.geteuid() else []
            except (FileNotFoundError, ProcessLookupError):
                continue
            except OSError as error:
                raise Unavailable(f"the open files of process {pid} cannot be counted: {error.strerror}") from None
        return found | self._told(closed)

    def _told(self, pids: list[int]) -> dict[int, int]:
        """By whoever may count them, in one question for all their units."""
        units = sorted({process.unit for pid in pids if (process := self._processes.get(pid)) and process.unit})
        told = {int(pid): int(count) for pid, count in self._rights.ask("file_counts", units=units)} if units else {}
        if any(pid not in told and self._processes.get(pid) for pid in pids):
            raise Unavailable("the open files of some processes may not be counted here")
        return {pid: told[pid] for pid in pids if pid in told}

    def nearest_files(self, pids: tuple[int, ...]) -> Files | None:
        """None when none of the processes lives, or none has a limit. Raises Unavailable."""
        return self.nearest(self.open_files(pids[:_PROCESSES]))

    def nearest(self, counts: dict[int, int]) -> Files | None:
        """The same, of what was counted."""
        found = []
        for pid, used in counts.items():
            with suppress(Unavailable):  # it has ended since
                if limit := self._processes.limit_nofile(pid):
                    found.append(Files(pid, used, limit))
        return max(found, key=lambda files: files.used / files.limit, default=None)

    def full_tasks(self, group: str) -> Room | None:
        """The limit of tasks that a group has met; None while there is room."""
        room = self._groups.tasks_room(group)
        return room if room and room.used >= room.limit else None

    def full_account(self, pid: int) -> tuple[int, int] | None:
        """(tasks, limit) of the account that a process runs as, when it may have no more; root has no such limit."""
        own = self._processes.get(pid)
        limit = self._processes.limit_nproc(pid) if own and own.uid else None
        if own is None or limit is None:
            return None
        used = sum(process.threads for process in self._processes.all() if process.uid == own.uid)
        return (used, limit) if used >= limit else None


def watched(pids: tuple[int, ...]) -> tuple[int, ...]:
    """Those of a group that are looked at."""
    return pids[:_PROCESSES]


def _count(directory: str) -> int:
    """Linux 6.2 tells everybody the count as the directory's size; before that it has none, and only its owner may list it."""
    return os.stat(directory).st_size or len(os.listdir(directory))  # noqa: PTH116, PTH208  # a count alone
