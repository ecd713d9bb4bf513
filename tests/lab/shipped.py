"""The shipped units on a lab host, from the checkout instead of an installation: split into brain and hands, or as one process."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.base import LabError

if TYPE_CHECKING:
    from tests.lab.host import Host

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "/etc/autonomous-orchestrator/config.toml"
STATE = "/var/lib/autonomous-orchestrator"
DAEMON = "autonomous-orchestrator.service"
HANDS_SOCKET, HANDS_UNIT = "autonomous-orchestrator-hands.socket", "autonomous-orchestrator-hands.service"
DASHBOARD = "escalation-dashboard.service"
FAILED_UNIT, FAILED = "autonomous-orchestrator-failed@.service", "/usr/local/lib/autonomous-orchestrator/failed"
SOCKET = "/run/autonomous-orchestrator/hands.sock"
SPLIT = os.environ.get("LAB_SPLIT") == "1"

_AS_ROOT = """User=root
Group=root
SupplementaryGroups=
LoadCredential=
SetCredential=
StateDirectory=
ProtectSystem=no
ReadWritePaths=
ProtectHome=no
PrivateMounts=no
PrivateDevices=no
NoNewPrivileges=no
CapabilityBoundingSet=~
RestrictAddressFamilies=
RestrictNamespaces=no
RestrictSUIDSGID=no
ProtectClock=no
ProtectControlGroups=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
RemoveIPC=no
KeyringMode=inherit
SystemCallArchitectures=
SystemCallFilter=
"""
"""Nothing is left of the brain's sandbox: one process that holds the hands itself."""


def prepare(host: "Host", config: str, *, one_process: bool) -> None:
    """Users, places and settings, as the installation makes them."""
    host.write(CONFIG, config)
    host.ok(
        "groupadd -rf orchestrator && usermod -aG orchestrator ops; for user in orchestrator orchestrator-web; do"
        " id -u $user >/dev/null 2>&1 || useradd -r -g orchestrator -M -d /nonexistent -s /usr/sbin/nologin $user; done"
    )
    host.ok(f"find {' '.join(_ways())} -maxdepth 0 ! -perm -o=x -exec chmod o+x {{}} +")
    if one_process:
        host.ok(f"install -d -m 2770 -g orchestrator {STATE}")
    else:
        host.write(f"{Path(CONFIG).parent}/conf.d/10-hands.toml", f'[hands]\nsocket = "{SOCKET}"\n')


def _ways() -> list[str]:
    """The directories above the checkout and its Python: elsewhere they may be their owner's alone."""
    programs = (CHECKOUT, Path(sys.prefix).resolve(), Path(sys.base_prefix), Path(sys.executable).resolve())
    return sorted({str(above) for program in programs for above in program.parents} - {"/"})


def start(host: "Host", unit: str, timeout: float, command: str = "", more: str = "") -> str:
    """What went wrong; empty when it said that it is ready."""
    put(host, unit, command, more)
    started = host.sh(f"systemctl daemon-reload && systemctl start {unit}", timeout)
    return f"{unit} did not start: {started.out}{host.journal(unit)[-3000:]}" if started.status else ""


def put(host: "Host", unit: str, command: str = "", more: str = "") -> None:
    """Its file, and a drop-in that has it run from the checkout."""
    host.write(f"/etc/systemd/system/{unit}", (CHECKOUT / "systemd" / unit).read_text(encoding="utf-8"))
    if command:
        line = f"{sys.executable} -m orchestrator {command} --config {CONFIG}"
        host.write(
            f"/etc/systemd/system/{unit}.d/checkout.conf",
            f"[Service]\nExecStart=\nExecStart={line}\nWorkingDirectory={CHECKOUT}\nEnvironment=PYTHONDONTWRITEBYTECODE=1\n{more}",
        )


def start_daemon(host: "Host", timeout: float, *, one_process: bool) -> str:
    host.write(FAILED, (CHECKOUT / "systemd" / "failed").read_text(encoding="utf-8"), 0o755)
    put(host, FAILED_UNIT)
    if not one_process:
        put(host, HANDS_UNIT, "hands serve")
        if trouble := start(host, HANDS_SOCKET, timeout):
            return trouble
    return start(host, DAEMON, timeout, "run", _AS_ROOT if one_process else "")


def start_dashboard(host: "Host", timeout: float) -> str:
    """As its own user; but the checkout may lie in a home."""
    return start(host, DASHBOARD, timeout, "dashboard serve", "ProtectHome=read-only\n")


def start_hands(host: "Host", config: str = "") -> None:
    """The hands alone, with these settings."""
    prepare(host, config, one_process=False)
    if host.sh(f"systemctl is-active --quiet {HANDS_SOCKET}").status:
        put(host, HANDS_UNIT, "hands serve")
        if trouble := start(host, HANDS_SOCKET, 30):
            raise LabError(trouble)
