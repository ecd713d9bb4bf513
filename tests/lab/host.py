"""Throwaway Linux hosts, each with a real systemd, in namespaces of its own over a copy-on-write root.

A `Host` boots in a fraction of a second over the layer of a `Base`: Debian packages in an overlay, never on the machine
itself. It shares with the machine only the kernel: clock, kernel log, loop devices. Its memory, disks, network,
processes, cgroups and units are its own. Needs root.

By hand: `python -m tests.lab.host [--limits]` opens a shell in a fresh host.
"""

import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab import shipped
from tests.lab.base import GROUP, Base, LabError, family, first_inside, groups_of, in_groups, inside, remove, unavailable
from tests.lab.shipped import CHECKOUT, CONFIG, DAEMON, DASHBOARD, STATE

__all__ = ["CHECKOUT", "CONFIG", "DAEMON", "DASHBOARD", "HANDS", "STATE", "Base", "Host", "LabError", "Result", "Row", "unavailable"]

HANDS = f"{STATE}-hands"
ENVIRONMENT = ("HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=cat",
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did; `out` is its standard output and error together. 124: it did not end in time."""

    status: int
    out: str


class Host:
    """One booted host. `limits`: with the machine's memory controller, wherever the machine has it (cgroup v1 or v2)."""

    _numbers = itertools.count()

    def __init__(self, base: Base, *, limits: bool = False) -> None:
        self._base = base
        self.name = f"{GROUP}-{os.getpid()}-{next(self._numbers)}"
        self._log = base.root / f"{self.name}.log"
        self._groups = groups_of(self.name, limits=limits)

    def __enter__(self) -> Self:
        try:
            self._boot()
        except LabError as error:
            raise LabError(f"{error}: {self._log.read_text(encoding='utf-8')[-2000:]}") from error
        finally:
            if sys.exception():
                self.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _boot(self) -> None:
        hierarchies = " ".join(list(self._groups)[1:]) or "v2"
        python = (prefix for prefix in (sys.prefix, sys.base_prefix) if not prefix.startswith(("/usr", str(CHECKOUT))))
        binds = sorted({str(CHECKOUT), *python})
        namespaces = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--kill-child"]
        boot = [
            *in_groups(self._groups.values()), "unshare", "--cgroup",  # from here on its own groups look like the root
            *self._in_console(), "nsenter", "-t", str(self._base.pid), "-m", "-p", "unshare", *namespaces,
            *inside("boot", self._base.root, self.name, hierarchies, *binds),
        ]  # fmt: skip
        with self._log.open("w") as messages:
            self._outer = subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, start_new_session=True)
        self.pid = first_inside(self._outer.pid, depth=2)
        socket = Path(f"/proc/{self.pid}/root/run/systemd/private")
        self.wait_until(socket.exists, 30, "systemd's socket")
        self.ok("systemctl is-system-running --wait")
        self.ok("mount --make-rshared /")  # as systemd leaves it outside of containers: a sandbox sees what is mounted later

    def close(self) -> None:
        """End the host at once. Its processes, mounts and network go with its first process."""
        if hasattr(self, "_outer"):
            for pid in [self.pid] if hasattr(self, "pid") else list(family(self._outer.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._outer.wait()
        self._log.unlink(missing_ok=True)
        remove(self._groups.values())

    # What a person at the host's console does

    def sh(self, script: str, timeout: float = 60, *, given: str = "", user: str = "root") -> Result:
        """Run bash inside, with `given` as its input. What it leaves running must not hold its output open."""
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        command = [*self._enter(), "timeout", "--kill-after=2", str(timeout), *become, "bash", "-c", script]
        done = subprocess.run(
            command, check=False, input=given.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout + 10
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"))

    def ok(self, script: str, timeout: float = 60, *, given: str = "", user: str = "root") -> str:
        """Run bash inside and return what it says; raises LabError when it fails."""
        result = self.sh(script, timeout, given=given, user=user)
        if result.status:
            raise LabError(f"exit {result.status} of {script!r}: {result.out[-2000:]}")
        return result.out

    def _in_console(self) -> list[str]:
        """Where processes that systemd did not start live: cgroup v2 wants none beside the groups of a group."""
        return in_groups(group / "console" for group in self._groups.values())

    def _enter(self) -> list[str]:
        return [*self._in_console(), "nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C", "env", "-i", *ENVIRONMENT]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, and the directories above it. From inside: from outside a link could lead to the machine's own files."""
        file = shlex.quote(path)
        self.ok(f"mkdir -p $(dirname {file}) && cat >{file} && chmod {mode:o} {file}", given=text)

    def read(self, path: str) -> str:
        return self.ok(f"cat {shlex.quote(path)}")

    def unit(self, name: str, text: str) -> None:
        """Put a unit file where an administrator puts it, and have systemd read it."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.ok("systemctl daemon-reload")

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit, as `systemctl show` says them."""
        lines = self.ok(f"systemctl show {unit} -p {','.join(names)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, unit: str) -> str:
        return self.ok(f"journalctl --no-pager -o cat -u {unit}")

    def disk(self, point: str, megabytes: int, options: str = "loop") -> None:
        """Mount an ext4 of its own. Only by `mount -o loop`: that loop device goes away with the host."""
        image = f"/var/tmp/{point.strip('/').replace('/', '-')}.img"
        self.ok(f"truncate -s {megabytes}M {image} && mkfs.ext4 -q {image} && mkdir -p {point} && mount -o {options} {image} {point}")

    @staticmethod
    def wait_until(condition: Callable[[], object], timeout: float = 30, what: str = "") -> None:
        """Ask until the answer is true; raises LabError when it is not in `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LabError(f"not within {timeout} s: {what or condition}")
            time.sleep(0.05)

    # The daemon inside

    def python(self, *arguments: str, timeout: float = 60, user: str = "root") -> Result:
        """Run the checkout's Python inside, in the checkout."""
        command = shlex.join(["PYTHONDONTWRITEBYTECODE=1", sys.executable, *arguments])
        return self.sh(f"cd {CHECKOUT} && exec env {command}", timeout, user=user)

    def orchestrator(self, *arguments: str, timeout: float = 60, user: str = "root") -> Result:
        """Run the command inside, as the console script would."""
        return self.python("-m", "orchestrator", *arguments, timeout=timeout, user=user)

    def start_daemon(self, config: str = "", *, timeout: float = 30, one_process: bool = not shipped.SPLIT) -> None:
        """Run the daemon from the checkout as its shipped units; returns when it says that it is ready."""
        shipped.prepare(self, config, one_process=one_process)
        if trouble := shipped.start_daemon(self, timeout, one_process=one_process):
            raise LabError(trouble)

    def start_dashboard(self, *, timeout: float = 30) -> None:
        """Run the dashboard from the checkout as its shipped unit, beside the daemon; returns when it answers."""
        if trouble := shipped.start_dashboard(self, timeout):
            raise LabError(trouble)
        answers = self.sh("until curl -sf -m 2 -o /dev/null http://127.0.0.1:8888/health; do sleep 0.05; done", timeout)
        if answers.status:
            raise LabError(f"the dashboard does not answer: {self.journal(DASHBOARD)[-3000:]}")

    def sql(self, query: str, *, db: str = "tasks", user: str = "ops") -> list[Row]:
        """Rows of tasks.db or escalations.db, read with sqlite3 as a member of the group would."""
        text = self.ok(f"sqlite3 -json {STATE}/{db}.db", given=query, user=user)
        rows: list[Row] = json.loads(text or "[]")
        return rows

    def incidents(self) -> list[Row]:
        """All rows of `tasks`, oldest first."""
        return self.sql("SELECT * FROM tasks ORDER BY id") if self.sh(f"test -s {STATE}/tasks.db").status == 0 else []

    def incident(self, target: str, *statuses: str, timeout: float = 90) -> Row:
        """Wait for an incident of `target` that has one of `statuses` (any, if none is named)."""
        found: list[Row] = []

        def there() -> bool:
            found[:] = [row for row in self.incidents() if row["target"] == target and (not statuses or row["status"] in statuses)]
            return bool(found)

        try:
            self.wait_until(there, timeout)
        except LabError:
            known = self.incidents()
            stuck = self.sh(
                f"systemctl kill --kill-whom=main -s ABRT {DAEMON}; sleep 0.5; journalctl --no-pager -o cat -u {DAEMON} -n 150"
            ).out
            raise LabError(f"no incident of {target} became {statuses or 'known'} in {timeout} s; there are: {known}; {stuck}") from None
        return found[-1]


def main() -> None:
    """Open a shell in a fresh host."""
    with Base() as base, Host(base, limits="--limits" in sys.argv) as host:
        sys.stdout.write(f"A fresh host; the checkout is at {CHECKOUT}. Leave with exit.\n")
        subprocess.run([*host._enter(), f"TERM={os.environ.get('TERM', 'dumb')}", "bash", "--login"], check=False)


if __name__ == "__main__":
    if reason := unavailable():
        sys.exit(reason)
    main()
