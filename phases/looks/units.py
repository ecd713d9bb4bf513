"""Looks at a unit of the scope: its properties, its processes, its sockets, what it said."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Literal, Self

from orchestrator.config import Config
from orchestrator.host import Process, Unavailable, Unit, View
from orchestrator.knowledge.evidence import all_observations, bounded
from orchestrator.model import Case, Json, UnitName, utc
from phases.looks import Look, Past, units_of

_BUNDLE = ("unit_state", "setting_up", "dependencies", "limits", "memory", "loaded")
"""What is observed of the fault's own target is asked of another unit by the same code."""
_PROCESSES, _LISTENERS, _PEERS, _LINES = 30, 40, 10, 400
_MIB = 1 << 20


class UnitLook(Look):
    """What systemd knows of it, and the observations that every fault's own unit has."""

    target: UnitName
    what: ClassVar[str] = "unit"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del view, config
        return (cls(target=name) for name in units_of(case))

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del past
        aimed = _aimed(case, self.target)
        told = [_properties(view.units.get(self.target))]
        for one in all_observations():
            with suppress(Unavailable):
                told += [item.text for item in one.observe(view, config, aimed)] if one.name in _BUNDLE else []
        return bounded("\n".join(told))


class ProcessLook(Look):
    """The processes in its control group. Their arguments are not told: they may hold secrets, and anybody's words."""

    target: UnitName
    what: ClassVar[str] = "processes"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del view, config
        return (cls(target=name) for name in units_of(case) if name.endswith((".service", ".scope")))

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del case, config, past
        found = view.processes.in_cgroup(view.units.get(self.target).control_group)
        left_out = [f"{len(found) - _PROCESSES} more processes"] if len(found) > _PROCESSES else []
        return "\n".join([*(_process(one, view) for one in found[:_PROCESSES]), *left_out]) or "it has no process"


class SocketLook(Look):
    """Where its processes listen, how many wait there, and with whom they are connected."""

    target: UnitName
    what: ClassVar[str] = "sockets"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del view, config
        return (cls(target=name) for name in units_of(case) if name.endswith((".service", ".socket")))

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del case, past
        service = config.service_of(self.target)
        wanted = set(service.ports) if service else set()
        told, ports = [], set()
        listening = [one for one in view.sockets.listeners() if one.port]
        holders = view.sockets.owners([one.inode for one in listening])
        for one in listening:
            holder = holders.get(one.inode)
            if one.port in wanted or (holder and holder.unit == self.target):
                ports.add(one.port)
                by = f"{holder.comm} (pid {holder.pid}, {holder.unit or 'no unit'})" if holder else "an unknown process"
                told.append(f"{one.protocol} {one.address}:{one.port} is listened on by {by}; {one.queue} of {one.backlog} wait")
        told += [f"port {port}: nobody listens" for port in sorted(wanted - ports)]
        told += _connected(view, ports)
        return "\n".join(told[:_LISTENERS]) or "it listens nowhere"


class JournalLook(Look):
    """What it said lately; a model reads it retold and counted."""

    target: UnitName
    hours: Literal[1, 24]
    what: ClassVar[str] = "journal"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del view, config
        return (cls(target=name, hours=hours) for name in units_of(case) for hours in (1, 24))

    @property
    def name(self) -> str:
        return f"{self.what} {self.target} {self.hours}h"

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del case, config, past
        lines = view.journal.tail(self.target, lines=_LINES, since=view.now() - self.hours * 3600, boot_only=False)
        return bounded("\n".join(line.message for line in lines)) or "it has said nothing"


def _aimed(case: Case, target: str) -> Case:
    fault = case.fault.model_copy(update={"target": target, "facts": {}})
    return case.model_copy(update={"incident": case.incident.model_copy(update={"fault": fault})})


def _properties(unit: Unit) -> str:
    told: Json = {
        "type": unit.type,
        "user": unit.user,
        "unit file": unit.fragment_path,
        "drop-ins": " ".join(unit.drop_ins),
        "environment files": " ".join(unit.environment_files),
        "starts": "; ".join(" ".join(line[:1]) for line in unit.exec_start),
        "working directory": unit.working_directory,
        "listens": " ".join(unit.listen),
        "mounts": f"{unit.what} on {unit.where}" if unit.where else "",
        "requires": " ".join((*unit.requires, *unit.binds_to, *unit.requisite)),
        "triggered by": " ".join(unit.triggered_by),
        "start time limit": _limit(unit.timeout_start),
        "stop time limit": _limit(unit.timeout_stop),
        "active since": _moment(unit.active_enter_at),
        "main process started": _moment(unit.main_started_at),
        "main process exited": _moment(unit.main_exited_at),
    }
    return "\n".join(f"{name}: {value}" for name, value in told.items() if value)


def _process(one: Process, view: View) -> str:
    files, program = "", "a program that may not be read"
    with suppress(Unavailable):
        program = one.exe
    with suppress(Unavailable, KeyError):
        files = f", {view.limits.open_files((one.pid,))[one.pid]} open files of {view.processes.limit_nofile(one.pid) or 'no limit'}"
    return (
        f"pid {one.pid} {one.comm}, {program}, state {one.state}, user {one.uid}, since {_moment(one.started_at)}, "
        f"{one.rss / _MIB:.0f} MiB, {one.threads} threads{files}"
    )


def _connected(view: View, ports: set[int]) -> list[str]:
    """By whom its ports are used: so many connections from each."""
    peers: dict[str, int] = {}
    for one in view.sockets.connections(tuple(ports)) if ports else ():
        peers[f"port {one.port} from {one.peer}"] = peers.get(f"port {one.port} from {one.peer}", 0) + 1
    most = sorted(peers.items(), key=lambda item: -item[1])[:_PEERS]
    return [f"{who}: {count} connections" for who, count in most]


def _limit(seconds: float) -> str:
    return f"{seconds:g} s" if math.isfinite(seconds) else ""


def _moment(at: float) -> str:
    return utc(at)[:19] if at else ""
