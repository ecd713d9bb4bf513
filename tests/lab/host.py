"""Throwaway Linux hosts, each with a real systemd, in namespaces of their own over a copy-on-write root.

`Base` is the layer that hosts stand on: Debian packages installed into an overlay, never on the machine itself.
`Host` boots in about a second and shares with the machine only its kernel: clock, kernel log, loop devices.
A host's memory, disks, network, processes, cgroups and units are its own. Needs root.

By hand: `python -m tests.lab.host [--limits]` opens a shell in a fresh host.
"""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[2]
NAMESPACE = Path(__file__).with_name("namespace.sh").read_text(encoding="utf-8")
RUN = Path("/run/autonomous-orchestrator-lab")
LAYER_SECONDS = 7 * 86_400  # then it is made anew, with the packages of that day
GROUP = "orchestrator-lab"  # how its cgroups' names begin
CACHE = Path("/var/cache/autonomous-orchestrator-lab")

PACKAGES = (
    "systemd-sysv", "dbus", "libpam-systemd", "cron", "python3-venv", "procps", "psmisc", "iproute2", "curl", "e2fsprogs", "util-linux",
    "nginx-light", "redis-server", "sqlite3", "monit", "openssl", "logrotate", "lsof", "netcat-openbsd",
)  # fmt: skip

CONFIG = "/etc/autonomous-orchestrator/config.toml"
STATE = "/var/lib/autonomous-orchestrator"
DAEMON = "autonomous-orchestrator.service"

Row = dict[str, Any]


class LabError(Exception):
    """A host could not be made, or a command in it did not do what the test relies on."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did; `out` is its standard output and error together. 124: it did not end in time."""

    status: int
    out: str


def unavailable() -> str:
    """Why there can be no lab here; empty when there can."""
    if os.geteuid() != 0:
        return "a lab needs root"
    missing = [tool for tool in ("unshare", "nsenter", "mount", "tar", "flock", "apt-get", "ip") if not shutil.which(tool)]
    if missing:
        return f"a lab needs {', '.join(missing)}"
    trial = subprocess.run(
        ["unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if trial.returncode:
        return f"a lab needs namespaces and mounts: {trial.stderr.strip()[:200]}"
    if not _unified():
        return "a lab needs a mounted cgroup2 hierarchy"
    return ""


def _mounts() -> list[list[str]]:
    """The machine's mounts as [source, point, type, options]."""
    return [line.split()[:4] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]


def _unified() -> Path | None:
    return next((Path(point) for _, point, kind, _ in _mounts() if kind == "cgroup2"), None)


def _legacy() -> dict[str, Path]:
    """The cgroup v1 hierarchies that systemd makes groups in: their controllers -> where the machine mounts them."""
    wanted = {"memory", "pids", "cpu", "cpuacct", "blkio", "devices", "name=systemd"}
    found = {}
    for _, point, kind, options in _mounts():
        controllers = ",".join(option for option in options.split(",") if option in wanted)
        if kind == "cgroup" and controllers:
            found[controllers] = Path(point)
    return found


class Base:
    """The layer all hosts of one run stand on, on a tmpfs of its own.

    Installing the packages takes a minute and is done once: the layer is kept as a tar file, named by what went into it.
    """

    def __init__(self, packages: Sequence[str] = PACKAGES) -> None:
        self.packages = tuple(packages)

    def __enter__(self) -> Self:
        _sweep()
        for directory in (RUN, CACHE):
            directory.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=RUN))
        cache = self._cache()
        for old in CACHE.glob("base-*"):
            if time.time() - old.stat().st_mtime > LAYER_SECONDS:
                old.unlink(missing_ok=True)
        log = self.root / "base.log"
        hold = [
            "unshare",
            "--fork",
            "--pid",
            "--mount",
            "--kill-child",
            "bash",
            "-c",
            NAMESPACE,
            "lab",
            "hold",
            str(self.root),
            str(cache),
            *self.packages,
        ]
        with log.open("w") as messages:
            self._holder = subprocess.Popen(
                hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages, text=True, start_new_session=True
            )
        assert self._holder.stdout
        if self._holder.stdout.readline().strip() != "ready":
            said = log.read_text(encoding="utf-8")
            self.close()
            raise LabError(f"the base layer could not be prepared: {said[-2000:]}")
        self.pid = _first_inside(self._holder.pid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._holder.communicate()  # closes its stdin: its namespace ends, and all hosts with it
        shutil.rmtree(self.root)

    def _cache(self) -> Path:
        """A layer fits as long as the machine below it has the same packages and it is made in the same way."""
        status = Path("/var/lib/dpkg/status").read_bytes()
        name = hashlib.sha256(b"\0".join([status, NAMESPACE.encode(), " ".join(self.packages).encode()])).hexdigest()[:16]
        return CACHE / f"base-{name}.tar"


class Host:
    """One booted host. `limits`: with the machine's memory controller, wherever the machine has it (cgroup v1 or v2)."""

    _numbers = itertools.count()

    def __init__(self, base: Base, *, limits: bool = False) -> None:
        self._base = base
        self.name = f"{GROUP}-{os.getpid()}-{next(self._numbers)}"
        self._log = base.root / f"{self.name}.log"
        unified = _unified()
        assert unified
        self._groups = {"v2": unified / self.name}
        if limits:
            self._groups |= {controllers: point / self.name for controllers, point in _legacy().items()}

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
        binds = sorted(
            {str(CHECKOUT), *(prefix for prefix in (sys.prefix, sys.base_prefix) if not prefix.startswith(("/usr", str(CHECKOUT))))}
        )
        namespaces = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--kill-child"]
        boot = [
            *_in_groups(self._groups.values()), "unshare", "--cgroup",  # from here on its own groups look like the root
            *self._in_console(), "nsenter", "-t", str(self._base.pid), "-m", "-p", "unshare", *namespaces,
            "bash", "-c", NAMESPACE, "lab", "boot", str(self._base.root), self.name, hierarchies, *binds,
        ]  # fmt: skip
        with self._log.open("w") as messages:
            self._outer = subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, start_new_session=True)
        self.pid = _first_inside(self._outer.pid, depth=2)
        socket = Path(f"/proc/{self.pid}/root/run/systemd/private")
        self.wait_until(socket.exists, 30, "systemd's socket")
        self.ok("systemctl is-system-running --wait")

    def close(self) -> None:
        """End the host at once. Its processes, mounts and network go with its first process."""
        if hasattr(self, "_outer"):
            for pid in [self.pid] if hasattr(self, "pid") else list(_family(self._outer.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._outer.wait()
        self._log.unlink(missing_ok=True)
        _remove(self._groups.values())

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
        return _in_groups(group / "console" for group in self._groups.values())

    def _enter(self) -> list[str]:
        environment = ["HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=cat",
                       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]  # fmt: skip
        return [*_in_groups(group / "console" for group in self._groups.values()),
                "nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C", "env", "-i", *environment]  # fmt: skip

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.ok(f'mkdir -p "$(dirname {path})" && cat >{path} && chmod {mode:o} {path}', given=text)

    def read(self, path: str) -> str:
        return self.ok(f"cat {path}")

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
        words = " ".join(f"'{argument}'" for argument in arguments)
        return self.sh(f"cd {CHECKOUT} && PYTHONDONTWRITEBYTECODE=1 exec {sys.executable} {words}", timeout, user=user)

    def orchestrator(self, *arguments: str, timeout: float = 60, user: str = "root") -> Result:
        """Run the command inside, as the console script would."""
        return self.python("-m", "orchestrator", *arguments, timeout=timeout, user=user)

    def start_daemon(self, config: str = "", *, timeout: float = 30) -> None:
        """Run the daemon from the checkout as its shipped unit; returns when it says that it is ready."""
        self.write(CONFIG, config)
        self.ok(f"groupadd -rf orchestrator && usermod -aG orchestrator ops && install -d -m 2770 -g orchestrator {STATE}")
        start = f"{sys.executable} -m orchestrator run --config {CONFIG}"
        self.write(
            f"/etc/systemd/system/{DAEMON}.d/checkout.conf",
            f"[Service]\nExecStart=\nExecStart={start}\nWorkingDirectory={CHECKOUT}\nEnvironment=PYTHONDONTWRITEBYTECODE=1\n",
        )
        self.unit(DAEMON, (CHECKOUT / "systemd" / DAEMON).read_text(encoding="utf-8"))
        started = self.sh(f"systemctl start {DAEMON}", timeout)
        if started.status:
            raise LabError(f"the daemon did not start: {started.out}{self.journal(DAEMON)[-3000:]}")

    def sql(self, query: str, *, db: str = "tasks", user: str = "ops") -> list[Row]:
        """Rows of tasks.db or escalations.db, read with sqlite3 as a member of the group would."""
        text = self.ok(f"sqlite3 -json {STATE}/{db}.db", given=query, user=user)
        rows: list[Row] = json.loads(text or "[]")
        return rows

    def incidents(self) -> list[Row]:
        """All rows of `tasks`, oldest first."""
        return self.sql("SELECT * FROM tasks ORDER BY id") if self.sh(f"test -s {STATE}/tasks.db").status == 0 else []

    def incident(self, target: str, *statuses: str, timeout: float = 30) -> Row:
        """Wait for an incident of `target` that has one of `statuses` (any, if none is named)."""
        found: list[Row] = []

        def there() -> bool:
            found[:] = [row for row in self.incidents() if row["target"] == target and (not statuses or row["status"] in statuses)]
            return bool(found)

        try:
            self.wait_until(there, timeout)
        except LabError:
            raise LabError(f"no incident of {target} became {statuses or 'known'} in {timeout} s; there are: {self.incidents()}") from None
        return found[-1]


def _in_groups(groups: Iterable[Path]) -> list[str]:
    """The words before a command that begin it in these cgroups. systemd trims empty ones, so they are made anew each time."""
    join = 'while [ "$1" != -- ]; do mkdir -p "$1" && echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    return ["sh", "-c", join, "join", *map(str, groups), "--"]


def _first_inside(pid: int, depth: int = 1) -> int:
    """The first process of the pid namespace that lies `depth` levels below ours, among `pid`'s descendants, as numbered here.

    They appear one after the other as unshare and nsenter fork.
    """
    ours = len(_numbers_of(os.getpid()))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        for candidate in _family(pid):
            numbers = _numbers_of(candidate)
            if len(numbers) == ours + depth and numbers[-1] == "1":
                return candidate
        time.sleep(0.005)
    raise LabError("its namespaces could not be made")


def _numbers_of(pid: int) -> list[str]:
    """A process's number in each pid namespace that it is in, outermost first; none when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return []
    return status.split("NSpid:")[1].splitlines()[0].split()


def _family(pid: int) -> Iterator[int]:
    """`pid` and its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _sweep() -> None:
    """Remove what a killed run left: empty mount points and cgroups of processes that are gone."""
    for root in RUN.glob("*"):
        if not Path(f"/proc/{root.name.split('-')[0]}").exists():
            shutil.rmtree(root, ignore_errors=True)  # another run may sweep too
    for top in {_unified(), *_legacy().values()} - {None}:
        assert top
        _remove(group for group in top.glob(f"{GROUP}-*") if not Path(f"/proc/{group.name.split('-')[-2]}").exists())


def _remove(groups: Iterable[Path]) -> None:
    """Remove cgroups and what is below them. The kernel lets go of the last process a moment after it died."""
    for group in groups:
        deadline = time.monotonic() + 5
        while group.exists() and time.monotonic() < deadline:
            for path, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(path).rmdir()
            time.sleep(0.01)


def main() -> None:
    """Open a shell in a fresh host."""
    with Base() as base, Host(base, limits="--limits" in sys.argv) as host:
        sys.stdout.write(f"A fresh host; the checkout is at {CHECKOUT}. Leave with exit.\n")
        subprocess.run([*host._enter(), f"TERM={os.environ.get('TERM', 'dumb')}", "bash", "--login"], check=False)


if __name__ == "__main__":
    if reason := unavailable():
        sys.exit(reason)
    main()
