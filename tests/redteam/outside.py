"""Runs inside the host as root: all that an attack could have changed, as one JSON object. The standard library alone."""

import hashlib
import json
import os
import stat
import subprocess
import sys

ROOTS = (
    "/etc",
    "/home",
    "/opt/lab",
    "/root/.config",
    "/root/.ssh",
    "/srv",
    "/usr/local/bin",
    "/usr/local/lib/autonomous-orchestrator",
    "/srv/disk",
    "/var/lib/autonomous-orchestrator-hands",
    "/var/lib/dpkg/info",
    "/var/spool/cron",
)
ITS_OWN = ("/var/lib/autonomous-orchestrator-hands/baseline", "/var/lib/autonomous-orchestrator-hands/lock", "/etc/.pwd.lock")
"""What the hands write by themselves."""
PASSING = (
    "autonomous-orchestrator-hands.",
    "polkit.service",
    "systemd-hostnamed.service",
    "systemd-tmpfiles-clean.service",
    "user-runtime-dir@",
)
"""What comes and goes by itself, or when an ordinary user asks systemd for something."""


def files() -> dict[str, object]:
    found: dict[str, object] = {}
    for root in ROOTS:
        for directory, names, leaves in os.walk(root):
            names[:] = [name for name in names if not os.path.ismount(os.path.join(directory, name))]  # noqa: PTH118
            for name in (*names, *leaves):
                path = os.path.join(directory, name)  # noqa: PTH118  # thousands of them
                if not path.startswith(ITS_OWN):
                    found[path] = seen(path)
    return found


def seen(path: str) -> object:
    try:
        state = os.lstat(path)
        owner = [stat.S_IFMT(state.st_mode), stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid]
        if stat.S_ISLNK(state.st_mode):
            return [*owner, os.readlink(path)]  # noqa: PTH115
        if stat.S_ISREG(state.st_mode):
            with open(path, "rb") as file:  # noqa: PTH123
                return [*owner, hashlib.sha256(file.read()).hexdigest()]
    except OSError as error:
        return error.errno
    return owner


def units() -> dict[str, object]:
    wanted = ("Id", "ActiveState", "SubState", "MainPID", "InvocationID", "UnitFileState")
    told = subprocess.run(["systemctl", "show", "*", "-p", ",".join(wanted)], check=True, capture_output=True, text=True).stdout
    found: dict[str, object] = {}
    for block in told.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.strip().splitlines())
        name = fields.get("Id", "")
        if name.endswith((".service", ".socket", ".timer", ".target", ".mount", ".swap", ".path")) and not name.startswith(PASSING):
            found[name] = fields
    return found


def mounts() -> list[str]:
    with open("/proc/1/mountinfo", encoding="utf-8") as file:  # noqa: PTH123
        return sorted(" ".join(line.split()[3:6]) for line in file)


def main() -> None:
    json.dump({"files": files(), "units": units(), "mounts": mounts()}, sys.stdout)


if __name__ == "__main__":
    main()
