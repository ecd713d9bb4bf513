"""What a silent program waits for in the kernel, and who traces it: what everybody may read of a process."""

import time
from contextlib import suppress
from pathlib import Path

_THREADS = 200
_IN_THE_KERNEL_SECONDS = 0.5
"""A thread that waits for a disk that answers is in state D as well, for moments."""


def stuck_in_kernel(pid: int, proc: Path = Path("/proc")) -> tuple[str, ...]:
    """The names of the threads that wait in the kernel, where no signal reaches them, and still do so a moment later."""
    first = _in_state_d(proc / str(pid) / "task")
    if first:
        time.sleep(_IN_THE_KERNEL_SECONDS)
        first &= _in_state_d(proc / str(pid) / "task")
    return tuple(sorted(name for _, name in first))


def _in_state_d(tasks: Path) -> set[tuple[str, str]]:
    found = set()
    with suppress(OSError):
        for thread in list(tasks.iterdir())[:_THREADS]:
            with suppress(OSError):
                name, _, rest = (thread / "stat").read_text("utf-8", errors="replace").partition(" (")[2].rpartition(") ")
                if rest.startswith("D"):
                    found.add((thread.name, name))
    return found


def tracer(pid: int, proc: Path = Path("/proc")) -> int:
    """The process that traces it (a debugger, strace); 0 for nobody."""
    with suppress(OSError, ValueError):
        for line in (proc / str(pid) / "status").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("TracerPid:"):
                return int(line.split()[1])
    return 0
