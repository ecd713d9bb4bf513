"""The lab itself: what its hosts can do, and that they end where they began."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.base import RUN, Base
from tests.lab.host import CHECKOUT, Host

SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n"


def test_a_host_boots_within_seconds(base: Base) -> None:
    """A fresh host runs, with nothing failed, in less than five seconds."""
    began = time.monotonic()
    with Host(base) as host:
        took = time.monotonic() - began
        assert host.ok("systemctl is-system-running").strip() == "running"
        assert host.ok("systemctl --failed --no-legend") == ""
    assert took < 5


def test_a_unit_can_be_crashed(lab: Host) -> None:
    """A killed unit is failed by its signal, as on any host."""
    lab.unit("victim.service", SLEEPER)
    lab.ok("systemctl start victim && systemctl kill -s KILL victim")
    lab.wait_until(lambda: lab.sh("systemctl is-failed victim").status == 0, 5)
    assert lab.show("victim", "Result", "ExecMainStatus") == {"Result": "signal", "ExecMainStatus": "9"}


def test_a_memory_limit_kills(lab_v1: Host) -> None:
    """A service that takes more than its MemoryMax= is killed by the kernel."""
    lab_v1.unit("hungry.service", "[Service]\nMemoryMax=50M\nMemorySwapMax=0\nExecStart=/usr/bin/python3 -c \"b'x' * (200 << 20)\"\n")
    lab_v1.ok("systemctl start hungry")
    lab_v1.wait_until(lambda: lab_v1.sh("systemctl is-failed hungry").status == 0, 20)
    assert lab_v1.show("hungry", "Result")["Result"] in {"signal", "oom-kill"}  # v1, v2
    assert int(lab_v1.show("hungry", "ExecMainStatus")["ExecMainStatus"]) == signal.SIGKILL


def test_hosts_do_not_see_each_other(base: Base, lab: Host) -> None:
    """The same unit name, port and file in two hosts are two."""
    with Host(base) as other:
        for host in (lab, other):
            host.unit("same.service", "[Service]\nExecStart=/bin/nc -lk 127.0.0.1 7777\n")
            host.ok("systemctl start same")
        other.ok("systemctl stop same; touch /etc/only-here")
        assert lab.ok("systemctl is-active same").strip() == "active"
        assert lab.ok("ss -Hltn sport = :7777")
        assert other.ok("ss -Hltn sport = :7777") == ""
        assert lab.sh("test -e /etc/only-here").status == 1
        assert lab.ok("cat /sys/fs/cgroup/system.slice/same.service/cgroup.procs")
    assert lab.ok("systemctl is-active same").strip() == "active"


def test_a_host_leaves_the_machine_alone(lab: Host) -> None:
    """What a host writes, and the settings of the kernel, stay inside."""
    lab.ok("touch /etc/made-inside /var/made-inside /usr/made-inside /dev/made-inside && systemctl enable --now nginx")
    assert lab.sh("sysctl -w vm.swappiness=7").status != 0
    assert lab.sh(f"touch {CHECKOUT}/made-inside").status != 0
    assert [Path(top, "made-inside").exists() for top in ("/etc", "/var", "/usr", "/dev", CHECKOUT)] == [False] * 5
    assert not Path("/etc/nginx").exists() or "nginx" not in lab.name


@pytest.mark.usefixtures("base")
def test_a_killed_run_leaves_nothing() -> None:
    """When the program that started a host is killed, the host ends; the next base removes its cgroups."""
    program = """
import sys
from tests.lab.base import Base
from tests.lab.host import Host
with Base() as base, Host(base) as host:
    print(host.pid, host.name, flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        pid, name = run.stdout.readline().split()
        run.kill()
    Host.wait_until(lambda: not Path(f"/proc/{pid}").exists(), 5)
    with Base():
        assert not [group for pattern in (name, f"*/{name}") for group in Path("/sys/fs/cgroup").glob(pattern)]
        assert not list(RUN.glob(f"{run.pid}-*"))
