"""Processes as /proc tells them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Kernel, Processes, Unavailable
from orchestrator.host.groups import Groups
from orchestrator.host.limits import Limits
from orchestrator.host.manager import SYSTEM, Manager

NAME = "a) R 1 (b"


@pytest.fixture
def processes() -> Processes:
    return Processes(Kernel())


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    program = "print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program, "an argument"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # Popen returns before the kernel has set up what the program was called with
        yield process


def test_a_process_is_known(processes: Processes, child: subprocess.Popen[bytes]) -> None:
    """Its program, arguments, owner, parent and start."""
    found = processes.get(child.pid)
    assert found is not None
    assert (found.pid, found.ppid, found.uid) == (child.pid, os.getpid(), os.geteuid())
    assert found.exe == str(Path(sys.executable).resolve())
    assert found.argv[1:] == ("-c", "print(flush=True); input()", "an argument")
    assert found.started_at == pytest.approx(time.time(), abs=10)
    assert found.rss >= 0


def test_nobody_is_none(processes: Processes) -> None:
    """A pid that nobody has is no error."""
    assert processes.get(2**22 + 1) is None


def test_a_pid_alone_is_no_identity(processes: Processes, child: subprocess.Popen[bytes]) -> None:
    """The same pid with another start is another process; one that ended is nobody."""
    found = processes.get(child.pid)
    assert found is not None
    assert processes.is_same(child.pid, found.started_at)
    assert not processes.is_same(child.pid, found.started_at - 60)
    child.communicate(b"\n")
    assert not processes.is_same(child.pid, found.started_at)


def test_a_name_cannot_deceive(processes: Processes) -> None:
    """A process may call itself `) R 1 (`: its state and parent are still its own."""
    program = f"open('/proc/self/comm', 'w').write({NAME!r}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = processes.get(process.pid)
        process.communicate(b"\n")
    assert found is not None
    assert (found.comm, found.ppid) == (NAME, os.getpid())


def test_kernel_threads_have_no_program(processes: Processes) -> None:
    """Neither exe nor arguments, and everybody is listed."""
    everybody = processes.all()
    assert os.getpid() in {process.pid for process in everybody}
    threads = [process for process in everybody if process.ppid == 2]
    assert all(process.exe == "" and process.argv == ("",) for process in threads)


def test_descriptors_and_their_limit(processes: Processes, child: subprocess.Popen[bytes]) -> None:
    """How many it holds, and how many it may: the limit in force."""
    limits = Limits(processes, Groups())
    assert limits.open_files([child.pid])[child.pid] >= 3
    subprocess.run(["prlimit", f"--pid={child.pid}", "--nofile=123:456"], check=True)
    assert processes.limit_nofile(child.pid) == 123
    with pytest.raises(Unavailable, match="process 4194305"):
        processes.limit_nofile(2**22 + 1)
    assert limits.open_files([2**22 + 1]) == {}


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/system.slice/web.service", "web.service"),
        ("/system.slice/system-pg.slice/pg@15-main.service/sub", "pg@15-main.service"),
        ("/user.slice/user-0.slice/user@0.service/app.slice/x.service", "user@0.service"),
        ("/init.scope", "init.scope"),
        ("/", ""),
        ("/docker/8a7f", ""),
    ],
)
def test_a_group_names_its_unit(path: str, unit: str) -> None:
    """The system's unit, not a user's one below it."""
    assert SYSTEM.unit_of(path) == unit


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/user.slice/user-7.slice/user@7.service/app.slice/x.service", "x.service"),
        ("/user.slice/user-7.slice/user@7.service/app.slice/app-y.slice/y@1.service/sub", "y@1.service"),
        ("/user.slice/user-7.slice/user@7.service/init.scope", "init.scope"),
        ("/user.slice/user-7.slice/session-2.scope", "session-2.scope"),
        ("/user.slice/user-8.slice/user@8.service/app.slice/x.service", "user@8.service"),
        ("/system.slice/web.service", "web.service"),
    ],
)
def test_a_users_own_manager_names_its_units(path: str, unit: str) -> None:
    """Beneath its own service; the rest of the host is named as ever."""
    assert Manager(7).unit_of(path) == unit


def test_an_empty_group_is_not_the_root(processes: Processes) -> None:
    """A unit without a control group has no processes: never all of the machine's."""
    assert processes.in_cgroup("") == ()
    assert processes.in_cgroup("/") == ()
    assert processes.in_cgroup("/system.slice/no-such.service") == ()
