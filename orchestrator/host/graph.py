"""The dependency graph of units: what counts as needing, and how far it is walked. Pure but for the functions given."""

import os.path
import re
from collections import deque
from collections.abc import Callable
from pathlib import PurePosixPath

from orchestrator.host.unit import Unit

WALK_LIMIT = 200
_STAGES = (
    "basic", "cryptsetup", "default", "emergency", "exit", "final", "getty", "graphical", "halt", "integritysetup", "kexec", "local-fs",
    "local-fs-pre", "multi-user", "network", "network-online", "network-pre", "nss-lookup", "nss-user-lookup", "paths", "poweroff",
    "reboot", "remote-fs", "remote-fs-pre", "rescue", "rpcbind", "shutdown", "slices", "sockets", "swap", "sysinit", "time-set",
    "time-sync", "timers", "umount", "veritysetup",
)  # fmt: skip
"""Targets that stand for a stage of the boot: everything hangs on them, so they say nothing about one service."""
_STAGE_TARGETS = frozenset(f"{stage}.target" for stage in _STAGES)


def is_basic(name: str) -> bool:
    """Whether the unit is part of every host: slices, scopes, the stages of the boot, the root mount."""
    return name in _STAGE_TARGETS or name == "-.mount" or name.endswith((".slice", ".scope"))


def direct_needs(unit: Unit, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """One level down, with `more` (mounts, sockets). A timer or path that triggers the unit is not needed by it, a socket is its door."""
    sockets = tuple(name for name in unit.triggered_by if name.endswith(".socket"))
    needed = dict.fromkeys((*unit.requires, *unit.requisite, *unit.binds_to, *more, *sockets))
    return tuple(name for name in needed if name != unit.name)


def direct_dependants(unit: Unit) -> tuple[str, ...]:
    """One level up: what is stopped when the unit is stopped, or cannot start without it."""
    dependants = dict.fromkeys((*unit.required_by, *unit.bound_by, *unit.consists_of, *unit.requisite_of))
    return tuple(name for name in dependants if name != unit.name)


def walk(start: str, neighbours: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    """Breadth first from `start`, which is not in the answer; basics are neither given nor entered."""
    found: dict[str, None] = {}
    queue = deque([start])
    while queue and len(found) < WALK_LIMIT:
        for name in neighbours(queue.popleft()):
            if name not in found and name != start and not is_basic(name) and len(found) < WALK_LIMIT:
                found[name] = None
                queue.append(name)
    return tuple(found)


def mount_units(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The mount units that could carry these paths: `/srv/data` needs srv.mount and srv-data.mount, where they exist."""
    points = {str(parent) for path in paths for parent in (PurePosixPath(path), *PurePosixPath(path).parents)}
    return tuple(mount_unit(point) for point in sorted(points) if point != "/")


def mount_unit(point: str) -> str:
    """systemd-escape --path --suffix=mount: the name of the unit that mounts on `point`."""
    if point == "/":
        return "-.mount"
    escaped = re.sub(rb"[^A-Za-z0-9:_./]|^\.", lambda found: b"\\x%02x" % found[0][0], os.path.normpath(point).strip("/").encode())
    return escaped.decode().replace("/", "-") + ".mount"
