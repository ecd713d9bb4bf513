"""Processes, by /proc. A pid is a name that is given again: whoever keeps one keeps `started_at` with it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.executables import Executables
from orchestrator.host.kernel import TICKS, Kernel
from orchestrator.host.manager import SYSTEM, Manager
from orchestrator.host.rights import Own, Rights

_SAME_SECONDS = 0.5
"""Start times are exact but for a clock that was stepped; a pid does not come round in half a second."""
_READ_BYTES = 16_384
_ARGUMENTS = 200
_PROCESSES = 20_000
_GROUPS = 1000
_TASKS = 500
_ENDED = ("Z", "X")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, of the flags in proc(5), stat
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
    program: str | Callable[[], str] = field(default="", compare=False)
    """Its path, or who tells it where this process may not look."""
    argv: tuple[str, ...] = ()
    cgroup: str = ""
    unit: str = ""
    rss: int = 0
    """Bytes."""
    threads: int = 0

    @property
    def exe(self) -> str:
        """Empty for a kernel thread; ends in " (deleted)" after an upgrade. Raises Unavailable where nobody may tell it."""
        return self.program if isinstance(self.program, str) else self.program()

    @property
    def has_program(self) -> bool:
        """Whether it runs one, whatever its name: a kernel thread and a process that has ended run none."""
        return bool(self.program)


class Processes:
    def __init__(self, kernel: Kernel, rights: Rights | None = None, proc: Path = Path("/proc"), manager: Manager = SYSTEM) -> None:
        self._kernel = kernel
        self._manager = manager
        self._proc = str(proc)
        self._executables = Executables(rights or Own(), self._proc)

    def get(self, pid: int) -> Process | None:
        """None when there is no such process (or no longer)."""
        try:
            return self._read(pid)
        except (FileNotFoundError, ProcessLookupError):
            self._look_for_the_first()
            return None
        except OSError as error:
            raise Unavailable(f"process {pid} cannot be read: {error.strerror}") from None

    def all(self) -> tuple[Process, ...]:
        """Every process. About 0.1 ms each: not for a loop."""
        return self._present(self.pids())

    def pids(self) -> tuple[int, ...]:
        self._look_for_the_first()
        return tuple(int(name) for name in os.listdir(self._proc) if name.isdigit())[:_PROCESSES]  # noqa: PTH208  # names alone

    def programs(self) -> Iterator[tuple[int, str]]:
        """Each process with the path of its program: one link a process. Kernel threads have none. Raises Unavailable."""
        return self._executables.all(self.pids())

    def is_of_this_root(self, pid: int) -> bool:
        """Whether its program's path means here what it means to the process: in a container it is another file."""
        return self._executables.is_of_this_root(pid)

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

    def limit_nofile(self, pid: int) -> int | None:
        """The soft limit in force, None without one: systemd clamps LimitNOFILE= without a word."""
        return self._limit(pid, "Max open files")

    def limit_nproc(self, pid: int) -> int | None:
        """How many tasks its account may have; None without a limit."""
        return self._limit(pid, "Max processes")

    def _limit(self, pid: int, name: str) -> int | None:
        """/proc/PID/limits is everybody's to read, unlike prlimit(2)."""
        try:
            lines = self._text(pid, "limits").splitlines()
        except OSError as error:
            raise Unavailable(f"the limits of process {pid} cannot be read: {error.strerror}") from None
        rest = next((line.removeprefix(name).split() for line in lines if line.startswith(name)), [])
        return int(rest[0]) if rest and rest[0].isdigit() else None

    def _look_for_the_first(self) -> None:
        """proc(5), hidepid: to a user other people's processes may not be there at all. The first one always is."""
        if os.geteuid() and not os.path.exists(f"{self._proc}/1"):  # noqa: PTH110  # often
            raise Unavailable("other people's processes are hidden from this user (hidepid= of /proc)")

    def _present(self, pids: tuple[int, ...]) -> tuple[Process, ...]:
        return tuple(process for pid in pids if (process := self.get(pid)))

    def _read(self, pid: int) -> Process:
        before, _, after = self._text(pid, "stat").rpartition(")")  # comm may hold anything, ")" too
        fields = after.split()
        cgroup = self._cgroup(pid)
        started_at = self._kernel.started_at() + int(fields[19]) / TICKS
        return Process(
            pid=pid,
            ppid=int(fields[1]),
            comm=before.partition("(")[2],
            state=fields[0],
            started_at=started_at,
            uid=os.stat(f"{self._proc}/{pid}").st_uid,  # noqa: PTH116  # without building a Path for each process
            program=self._program(pid, started_at, fields),
            argv=tuple(self._text(pid, "cmdline").rstrip("\0").split("\0")[:_ARGUMENTS]),
            cgroup=cgroup,
            unit=self._manager.unit_of(cgroup),
            rss=int(fields[21]) * _PAGE,
            threads=int(fields[17]),
        )

    def _text(self, pid: int, name: str) -> str:
        descriptor = os.open(f"{self._proc}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _READ_BYTES).decode(errors="replace")
        finally:
            os.close(descriptor)

    def _program(self, pid: int, started_at: float, fields: list[str]) -> str | Callable[[], str]:
        """Whether there is one the kernel tells everybody; its name is asked of others only when somebody wants to know it."""
        try:
            return self._executables.of(pid)
        except PermissionError:
            none = fields[0] in _ENDED or int(fields[6]) & _KERNEL_THREAD
            return "" if none else lambda: self._executables.asked(pid, started_at)

    def _cgroup(self, pid: int) -> str:
        """systemd's own hierarchy is `name=systemd` on v1 and hybrid, the only one (`0::`) on v2; where both are there, one is empty."""
        groups = {}
        for line in self._text(pid, "cgroup").splitlines():
            _, _, rest = line.partition(":")
            hierarchy, _, path = rest.partition(":")
            groups[hierarchy] = path
        named = groups.get("name=systemd", "/")
        return named if named != "/" else groups.get("", "")


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
