"""What a silent program waits for: the sockets that its threads read from, the kernel, and who traces it."""

import os
import platform
import time
from contextlib import suppress
from pathlib import Path

_READS = {"x86_64": (0, 19, 45, 47), "aarch64": (63, 65, 207, 212)}
"""read, readv, recvfrom, recvmsg: the calls that wait for the other side, each with the descriptor first."""
_THREADS = 200
_IN_THE_KERNEL_SECONDS = 0.5
"""A thread that waits for a disk that answers is in state D as well, for moments."""


def awaited_sockets(pid: int, proc: Path = Path("/proc")) -> tuple[int, ...]:
    """The inode of the socket that each thread of the process waits to read from; nothing for threads that do something else."""
    reads = _READS.get(platform.machine(), ())
    found = []
    with suppress(OSError):
        for thread in list((proc / str(pid) / "task").iterdir())[:_THREADS]:
            with suppress(OSError, ValueError, IndexError):
                call, descriptor = (thread / "syscall").read_text("ascii").split()[:2]
                if call.isdigit() and int(call) in reads:
                    found.append(_socket(f"{proc}/{pid}/fd/{int(descriptor, 16)}"))
    return tuple(inode for inode in found if inode)


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


def _socket(link: str) -> int:
    target = os.readlink(link)  # noqa: PTH115  # a name of the kernel's
    return int(target.removeprefix("socket:[").rstrip("]")) if target.startswith("socket:[") else 0
