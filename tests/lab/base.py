"""The layer that lab hosts stand on, and what a host needs from the machine outside: namespaces and cgroups of its own."""

import compileall
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

RUN = Path("/run/autonomous-orchestrator-lab")
CACHE = Path("/var/cache/autonomous-orchestrator-lab")
LAYER_SECONDS = 7 * 86_400  # then it is made anew, with the packages of that day
GROUP = "orchestrator-lab"  # how a host's cgroups' names begin

PACKAGES = (
    "systemd-sysv", "dbus", "libpam-systemd", "cron", "python3-venv", "procps", "psmisc", "iproute2", "curl", "e2fsprogs", "util-linux",
    "nginx-light", "redis-server", "sqlite3", "monit", "openssl", "logrotate", "lsof", "netcat-openbsd", "bindfs",
)  # fmt: skip

CONTAINER_PACKAGES = ("podman", "crun", "busybox-static")
"""97 MB more, for the hosts of those cases alone that run containers: in a layer of their own."""

ROOMS = [Path(__file__).resolve().parents[2] / room for room in ("orchestrator", "phases", "escalation", "dashboard")]
SCRIPT = Path(__file__).with_name("namespace.sh").read_text(encoding="utf-8")


class LabError(Exception):
    """A host could not be made, or a command in it did not do what the test relies on."""


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


def groups_of(name: str, *, limits: bool) -> dict[str, Path]:
    """The cgroups of a host, outside: in the unified hierarchy, and for its limits in each of cgroup v1 where those are there."""
    unified = _unified()
    assert unified
    hierarchies = {"v2": unified, **(_legacy() if limits else {})}
    return {controllers: point / name for controllers, point in hierarchies.items()}


class Base:
    """The layer all hosts of one run stand on, on a tmpfs of its own.

    Installing the packages is done once: the layer is kept as a tar file, named by what went into it.
    """

    def __init__(self, packages: Sequence[str] = PACKAGES) -> None:
        self.packages = tuple(packages)

    def __enter__(self) -> Self:
        for directory in (RUN, CACHE):
            directory.mkdir(parents=True, exist_ok=True)
        for room in ROOMS:  # each host runs the checkout, and would compile all of it anew
            compileall.compile_dir(str(room), quiet=2)
        _sweep()
        self.root = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=RUN))
        log = self.root / "base.log"
        hold = ["unshare", "--fork", "--pid", "--mount", "--kill-child", *inside("hold", self.root, self._layer(), *self.packages)]
        with log.open("w") as messages:
            self._holder = subprocess.Popen(
                hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages, text=True, start_new_session=True
            )
        assert self._holder.stdout
        if self._holder.stdout.readline().strip() != "ready":
            said = log.read_text(encoding="utf-8")
            self.close()
            raise LabError(f"the base layer could not be prepared: {said[-2000:]}")
        self.pid = first_inside(self._holder.pid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._holder.communicate()  # closes its stdin: its namespace ends, and all hosts with it
        shutil.rmtree(self.root)

    def _layer(self) -> Path:
        """Where the layer is kept. It fits as long as the machine has the same packages and it is made in the same way."""
        status = Path("/var/lib/dpkg/status").read_bytes()
        name = hashlib.sha256(b"\0".join([status, SCRIPT.encode(), " ".join(self.packages).encode()])).hexdigest()[:16]
        return CACHE / f"base-{name}.tar"


def inside(*words: str | Path) -> list[str]:
    """A command of namespace.sh, for the first process of a new pid namespace. Its text goes along: see there."""
    return ["bash", "-c", SCRIPT, "lab", *map(str, words)]


def in_groups(groups: Iterable[Path]) -> list[str]:
    """The words before a command that begin it in these cgroups. systemd trims empty ones, so they are made anew each time."""
    join = 'while [ "$1" != -- ]; do mkdir -p "$1" && echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    return ["sh", "-c", join, "join", *map(str, groups), "--"]


def first_inside(pid: int, depth: int = 1) -> int:
    """The first process of the pid namespace that lies `depth` levels below ours, among `pid`'s descendants, as numbered here.

    They appear one after the other as unshare and nsenter fork.
    """
    ours = len(_numbers_of(os.getpid()))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        for candidate in family(pid):
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


def family(pid: int) -> Iterator[int]:
    """`pid` and its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def _sweep() -> None:
    """Remove what killed runs left (empty mount points, cgroups of processes that are gone), and old layers."""
    for root in RUN.glob("*"):
        if not Path(f"/proc/{root.name.split('-')[0]}").exists():
            shutil.rmtree(root, ignore_errors=True)  # another run may sweep too
    for layer in CACHE.glob("base-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - layer.stat().st_mtime > LAYER_SECONDS:
                layer.unlink()
    for top in {_unified(), *_legacy().values()} - {None}:
        assert top
        remove(group for group in top.glob(f"{GROUP}-*") if not Path(f"/proc/{group.name.split('-')[-2]}").exists())


def remove(groups: Iterable[Path]) -> None:
    """Remove cgroups and what is below them. The kernel lets go of the last process a moment after it died."""
    for group in groups:
        deadline = time.monotonic() + 5
        while group.exists() and time.monotonic() < deadline:
            for path, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(path).rmdir()
            time.sleep(0.01)
