"""Processes, by /proc. A pid is a name that is given again: whoever keeps one keeps `started_at` with it."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.kernel import TICKS, Kernel
from orchestrator.model import is_unit

_SAME_SECONDS = 0.5
"""Start times are exact but for a clock that was stepped; a pid does not come round in half a second."""
_READ_BYTES = 16_384
_ARGUMENTS = 200
_PROCESSES = 20_000
_GROUPS = 1000
_TASKS = 500
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUP_ROOTS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
"""Where systemd's groups lie: v1 and hybrid keep them in `systemd` (and `unified`), v2 at the root."""


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
    def __init__(self, kernel: Kernel, proc: Path = Path("/proc")) -> None:
        self._kernel = kernel
        self._proc = str(proc)

    def get(self, pid: int) -> Process | None:
        """None when there is no such process (or no longer)."""
        try:
            return self._read(pid)
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError as error:
            raise Unavailable(f"process {pid} cannot be read: {error.strerror}") from None

    def all(self) -> tuple[Process, ...]:
        """Every process. About 0.1 ms each: not for a loop."""
        return self._present(self.pids())

    def pids(self) -> tuple[int, ...]:
        return tuple(int(name) for name in os.listdir(self._proc) if name.isdigit())[:_PROCESSES]  # noqa: PTH208  # names alone

    def programs(self) -> Iterator[tuple[int, str]]:
        """Each process with the path of its program: one link a process. Kernel threads have none."""
        return ((pid, exe) for pid in self.pids() if (exe := self._exe(pid)))

    def is_of_this_root(self, pid: int) -> bool:
        """Whether its program's path means here what it means to the process: in a container it is another file."""
        link = f"{self._proc}/{pid}/exe"
        with suppress(OSError):
            own = os.stat(link)  # noqa: PTH116  # of the file itself, even a deleted one
            path = os.readlink(link)  # noqa: PTH115  # a name of the kernel's
            if path.endswith(" (deleted)"):
                return os.stat(f"{self._proc}/{pid}/ns/mnt").st_ino == os.stat(f"{self._proc}/1/ns/mnt").st_ino  # noqa: PTH116
            here = os.stat(path)  # noqa: PTH116
            return (own.st_dev, own.st_ino) == (here.st_dev, here.st_ino)
        return False

    def in_cgroup(self, path: str) -> tuple[Process, ...]:
        """Every process in the group (a unit's `control_group`) and in those beneath it; none for an empty path."""
        return self._present(self.pids_in(path))

    def pids_in(self, path: str) -> tuple[int, ...]:
        """The same, by number alone: cheap enough for a look at every service."""
        if path in ("", "/"):
            return ()
        for root in _CGROUP_ROOTS:
            directory = Path(root + path)
            if (directory / "cgroup.procs").exists():
                return tuple(_members(directory))
        return ()

    def own_memory(self, pids: tuple[int, ...]) -> int:
        """Bytes that the processes hold and share with nobody by a file; those that ended meanwhile hold none."""
        pages = 0
        for pid in pids:
            with suppress(OSError, ValueError, IndexError):
                fields = self._text(pid, "statm").split()
                pages += int(fields[1]) - int(fields[2])
        return pages * _PAGE

    def unreaped(self) -> dict[int, int]:
        """How many ended children each process has not taken notice of (zombies), by the parent's pid."""
        found: dict[int, int] = {}
        for pid in self.pids():
            with suppress(OSError, IndexError, ValueError):
                state, parent = self._text(pid, "stat").rpartition(")")[2].split(None, 2)[:2]
                if state == "Z":
                    found[int(parent)] = found.get(int(parent), 0) + 1
        return found

    def is_same(self, pid: int, started_at: float) -> bool:
        """Whether the pid still names the process that began at `started_at`."""
        process = self.get(pid)
        return process is not None and abs(process.started_at - started_at) <= _SAME_SECONDS

    def starved(self, path: str, seconds: float = 0.4) -> bool:
        """Whether the group's tasks want to run, and others have the CPU: measured, so it takes `seconds`.

        Tasks that sleep do not wait for a CPU: they hang. Those that take most of the CPU themselves only wait for each other.
        """
        before, began = self._running(path), time.monotonic()
        time.sleep(seconds)
        ran, waited = (now - then for now, then in zip(self._running(path), before, strict=True))
        passed = time.monotonic() - began
        return waited > passed / 2 and ran < passed * (os.cpu_count() or 1) / 2

    def ran(self, path: str) -> float:
        """Seconds of a CPU that the tasks of the group have used since they began."""
        return self._running(path)[0]

    def _running(self, path: str) -> tuple[float, float]:
        """Seconds that all tasks of the group ran, and that they waited for a CPU (proc(5), schedstat)."""
        ran = waited = 0
        for process in self.in_cgroup(path):
            for task in _tasks(Path(self._proc, str(process.pid), "task")):
                ran += task[0]
                waited += task[1]
        return ran / 1e9, waited / 1e9

    def open_files(self, pid: int) -> int:
        """How many file descriptors it holds. Raises Unavailable where that may not be read."""
        try:
            return len(os.listdir(f"{self._proc}/{pid}/fd"))  # noqa: PTH208  # a count alone
        except OSError as error:
            raise Unavailable(f"the open files of process {pid} cannot be counted: {error.strerror}") from None

    def limit_nofile(self, pid: int) -> int | None:
        """The soft limit in force, None without one: systemd clamps LimitNOFILE= without a word."""
        try:
            lines = self._text(pid, "limits").splitlines()
        except OSError as error:
            raise Unavailable(f"the limits of process {pid} cannot be read: {error.strerror}") from None
        words = next((line.split() for line in lines if line.startswith("Max open files")), [])
        return int(words[3]) if len(words) > 3 and words[3].isdigit() else None

    def _present(self, pids: tuple[int, ...]) -> tuple[Process, ...]:
        return tuple(process for pid in pids if (process := self.get(pid)))

    def _read(self, pid: int) -> Process:
        before, _, after = self._text(pid, "stat").rpartition(")")  # comm may hold anything, ")" too
        fields = after.split()
        cgroup = self._cgroup(pid)
        return Process(
            pid=pid,
            ppid=int(fields[1]),
            comm=before.partition("(")[2],
            state=fields[0],
            started_at=self._kernel.started_at() + int(fields[19]) / TICKS,
            uid=os.stat(f"{self._proc}/{pid}").st_uid,  # noqa: PTH116  # without building a Path for each process
            exe=self._exe(pid),
            argv=tuple(self._text(pid, "cmdline").rstrip("\0").split("\0")[:_ARGUMENTS]),
            cgroup=cgroup,
            unit=unit_of_cgroup(cgroup),
            rss=int(fields[21]) * _PAGE,
            threads=int(fields[17]),
        )

    def _text(self, pid: int, name: str) -> str:
        descriptor = os.open(f"{self._proc}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _READ_BYTES).decode(errors="replace")
        finally:
            os.close(descriptor)

    def _exe(self, pid: int) -> str:
        try:
            return os.readlink(f"{self._proc}/{pid}/exe")  # noqa: PTH115  # as above
        except OSError:
            return ""

    def _cgroup(self, pid: int) -> str:
        """systemd's own hierarchy is `name=systemd` on v1 and hybrid, the only one (`0::`) on v2; where both are there, one is empty."""
        groups = {}
        for line in self._text(pid, "cgroup").splitlines():
            _, _, rest = line.partition(":")
            hierarchy, _, path = rest.partition(":")
            groups[hierarchy] = path
        named = groups.get("name=systemd", "/")
        return named if named != "/" else groups.get("", "")


def unit_of_cgroup(path: str) -> str:
    """The system's unit of a group: the first part that is a unit and no slice; empty for none."""
    return next((part for part in path.split("/") if is_unit(part) and not part.endswith(".slice")), "")


def _tasks(directory: Path) -> Iterator[tuple[int, int]]:
    """Nanoseconds on a CPU and waiting for one, of each task; none where the kernel does not count them."""
    with suppress(OSError):
        for task in list(directory.iterdir())[:_TASKS]:
            with suppress(OSError, ValueError):
                on_cpu, waiting, _ = (task / "schedstat").read_text(encoding="ascii").split()
                yield int(on_cpu), int(waiting)


def _members(group: Path) -> Iterator[int]:
    """0 stands for a process of another pid namespace: it has no number here."""
    seen = 0
    queue = [group]
    while queue and seen < _GROUPS:
        directory = queue.pop()
        seen += 1
        try:
            yield from (int(pid) for pid in (directory / "cgroup.procs").read_text().split() if pid != "0")
            queue += [entry for entry in directory.iterdir() if entry.is_dir()]
        except OSError:  # the group ended meanwhile
            continue
