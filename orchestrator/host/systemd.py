"""The units of this host, by systemd's own word."""

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.host import graph
from orchestrator.host.bus import Bus
from orchestrator.host.connection import MANAGER_PATH, Connection, Refused
from orchestrator.host.durations import Verb, durations
from orchestrator.host.endings import at_last_end
from orchestrator.host.journal import Journal
from orchestrator.host.properties import unit_from
from orchestrator.host.reloads import Reloads
from orchestrator.host.restarts import Restarts
from orchestrator.host.stops import Stops
from orchestrator.host.unit import Job, Stop, Unit, UnitLine

_PROPERTIES = "org.freedesktop.DBus.Properties"
_MANAGER = "org.freedesktop.systemd1.Manager"
_JOB = "org.freedesktop.systemd1.Job"
_NAME_CHARACTERS = 255
_LATELY, _LATELY_SECONDS = 1000, 10.0
_SLACK_SECONDS = 0.1
"""Between the clock of PID 1's line and that of whoever had it stop the unit."""
_SHUTDOWN_SCHEDULED = Path("/run/systemd/shutdown/scheduled")
_SCHEDULED_FOR = re.compile(r"^USEC=(\d+)$", re.MULTILINE)
_SOON_SECONDS = 900.0


class Units:
    """Reads systemd. Every method raises Unavailable when systemd does not run here or does not answer in time."""

    def __init__(self, bus: Bus, journal: Journal) -> None:
        self._bus = bus
        self._journal = journal
        self._stops = Stops(journal, self.get)
        self._restarts = Restarts()
        self._reloads = Reloads(journal)
        self._lately: dict[str, tuple[float, tuple[str, ...]]] = {}
        self.taken_back: dict[str, tuple[float, float]] = {}
        """Units whose start was undone here: when the stop began and was through, in seconds since the epoch."""

    def connect(self) -> Connection:
        """A connection of the caller's own, for signals. Raises OSError."""
        return self._bus.open()

    def list(self) -> tuple[UnitLine, ...]:
        """Every loaded unit, as `systemctl list-units --all`."""
        return self._lines("ListUnits")

    def failed(self) -> tuple[UnitLine, ...]:
        """What `systemctl --failed` shows: it misses most outages, and costs 0.3 ms."""
        return self._lines("ListUnitsFiltered", "as", (["failed"],))

    def under_way(self) -> tuple[UnitLine, ...]:
        """What systemd is starting, stopping or reloading now."""
        return self._lines("ListUnitsFiltered", "as", (["activating", "deactivating", "reloading"],))

    def named(self, names: tuple[str, ...]) -> tuple[UnitLine, ...]:
        """The states of these units in one call; one that does not exist is `not-found`."""
        return self._lines("ListUnitsByNames", "as", (list(names),)) if names else ()

    def get(self, name: str) -> Unit:
        """Everything about one unit. A name that does not exist is a Unit with load_state `not-found`; costs 2-3 ms.

        Asking loads the unit for a moment when it is not loaded. The automatic restarts that it shows are noted.
        """
        if not _is_name(name):
            return Unit(name=name[:_NAME_CHARACTERS], load_error="this is no name of a unit")
        try:
            properties = self._bus.call("GetAll", "s", ("",), path=unit_path(name), interface=_PROPERTIES)[0]
        except Refused as error:
            return Unit(name=name, load_error=str(error))
        job_id = properties.get("Job", ("", (0, "/")))[1][0]
        unit = unit_from(properties, self._job_type(job_id) if job_id else "")
        self.note(unit.name, unit.n_restarts, unit.invocation_id)
        return replace(unit, reloaded_at=self._reloads.last(unit)) if unit.can_reload else unit

    def jobs(self) -> tuple[Job, ...]:
        rows = self._bus.call("ListJobs")[0]
        return tuple(Job(id=row[0], unit=row[1], type=row[2], state=row[3]) for row in rows)

    def booted_at(self) -> float:
        """When the boot finished by systemd's own word; 0.0 while it still starts."""
        return float(self._property("FinishTimestamp")) / 1e6

    def seconds_since_start(self) -> float:
        """How long systemd itself runs, by no clock that can be set."""
        return time.monotonic() - float(self._property("UserspaceTimestampMonotonic")) / 1e6

    def system_state(self) -> str:
        """One of running, degraded, initializing, starting, maintenance, stopping."""
        return str(self._property("SystemState"))

    def shutdown_scheduled(self) -> bool:
        """Whether the host goes down: `shutdown +5` is pending, or it stops now. Tonight's reboot leaves nobody down till then."""
        try:
            scheduled = is_soon(_SHUTDOWN_SCHEDULED.read_text(encoding="utf-8", errors="replace"), time.time())
        except OSError:
            scheduled = _SHUTDOWN_SCHEDULED.exists()
        return scheduled or self.system_state() == "stopping"

    def needs(self, name: str) -> tuple[str, ...]:
        """What the unit cannot run without, one level: Requires, Requisite, BindsTo, its mounts, and the sockets that trigger it.

        systemd knows a trigger only while it is loaded: so the socket of the same name is asked after too. One that is down and not
        enabled is no door of the service, but another way to run it that nobody chose here.
        """
        unit = self.get(name)
        doors = (f"{unit.name.removesuffix('.service')}.socket",) if unit.name.endswith(".service") else ()
        possible = (*graph.mount_units(unit.requires_mounts_for), *doors)
        known = tuple(line.name for line in self.named(possible) if line.load_state == "loaded")
        needed = graph.direct_needs(unit, known)
        firm = {*unit.requires, *unit.requisite, *unit.binds_to}
        return tuple(need for need in needed if need in firm or not need.endswith(".socket") or not self._is_unused(need))

    def _is_unused(self, name: str) -> bool:
        unit = self.get(name)
        wanted = unit.enabled or unit.required_by or unit.bound_by
        return unit.down and not wanted

    def needs_lately(self, name: str) -> tuple[str, ...]:
        """`needs`, some seconds old at most: for many units at once, in a storm, again and again."""
        known = self._lately.get(name)
        if known is None or time.monotonic() - known[0] > _LATELY_SECONDS:
            if len(self._lately) > _LATELY:
                self._lately.clear()
            known = self._lately[name] = (time.monotonic(), self.needs(name))
        return known[1]

    def below(
        self, name: str, declared: Mapping[str, tuple[str, ...]] = {}, needs: Callable[[str], tuple[str, ...]] | None = None
    ) -> tuple[str, ...]:
        """All that the unit needs, transitively, nearest first, with the operator's `declared` dependencies; at most 200.

        Without slices, the targets that everything needs, and the root mount. `needs` is this object's own, with the memory of one
        look: where fifty units stand on one mount, it is asked once what the mount needs.
        """
        ask = needs or self.needs
        return graph.walk(name, lambda unit: (*declared.get(unit, ()), *ask(unit)))

    def above(self, name: str) -> tuple[str, ...]:
        """All that needs the unit, transitively, nearest first; at most 200. systemd knows only of dependants that are loaded."""
        return graph.walk(name, lambda unit: graph.direct_dependants(self.get(unit)))

    def stopped_by_hand(self, unit: Unit) -> Stop | None:
        """The stop that somebody asked for and that left the unit inactive or failed; None when it went away by itself.

        A start of ours that was taken back is nobody's wish. Raises Unavailable too when PID 1's log, the only witness, cannot be
        read.
        """
        stop = self._stops.asked_for(unit)
        return None if stop and self._is_ours(unit.name, stop) else stop

    def was_taken_back(self, unit: Unit) -> bool:
        """Whether it is down because a start of ours did not help, and was undone. Raises Unavailable as above."""
        stop = self._stops.asked_for(unit) if unit.name in self.taken_back else None
        return stop is not None and self._is_ours(unit.name, stop)

    def _is_ours(self, name: str, stop: Stop) -> bool:
        began, ended = self.taken_back.get(name, (math.inf, -math.inf))
        return not stop.with_dependency and began - _SLACK_SECONDS <= stop.at <= ended + _SLACK_SECONDS

    def ends_by_itself(self, unit: Unit) -> bool:
        """Whether it has done its work and ended before, and was left so: a job, whatever its type. Raises Unavailable as above."""
        return self._stops.ends_by_itself(unit)

    def ordering_cycle(self, unit: Unit) -> tuple[str, ...]:
        """The units whose order is a circle, over which systemd gave up its last start. Raises Unavailable as above."""
        return self._stops.cycle(unit)

    def starts_refused(self, unit: Unit) -> bool:
        """Whether the start limit ended it. `Result=` lies about that, so PID 1's own line is asked too."""
        return self._stops.limit_hit(unit)

    def at_last_end(self, unit: Unit) -> Unit:
        """The unit as its last run left it: its own fields while nothing new has begun, else what the journal says."""
        if unit.down or unit.sub_state == "auto-restart":
            return unit
        return at_last_end(unit, self._journal.manager_lines(unit.name, 0.0, lines=20))

    def usual_seconds(self, name: str, verb: Verb) -> tuple[float, ...]:
        """How long the unit's starts, stops or reloads took in this boot, those that ended well, by PID 1's own word."""
        return durations(self._journal.manager_lines(name, 0.0, lines=200), verb)

    def note(self, name: str, n_restarts: int, invocation: str) -> None:
        """Count automatic restarts, each once. Signals call it, and `get` does by itself."""
        self._restarts.note(name, n_restarts, invocation)

    def restarting(self, within: float) -> tuple[str, ...]:
        """The units that systemd restarted by itself in the last `within` seconds."""
        return self._restarts.names(within)

    def restarts(self, name: str, within: float) -> int:
        """Automatic restarts noted in the last `within` seconds."""
        return self._restarts.count(name, within)

    def _lines(self, member: str, signature: str = "", args: tuple[Any, ...] = ()) -> tuple[UnitLine, ...]:
        rows = self._bus.call(member, signature, args)[0]
        return tuple(
            UnitLine(name=row[0], load_state=row[2], active_state=row[3], sub_state=row[4], following=row[5], job_id=row[7]) for row in rows
        )

    def _property(self, name: str, path: str = MANAGER_PATH, interface: str = _MANAGER) -> Any:
        return self._bus.call("Get", "ss", (interface, name), path=path, interface=_PROPERTIES)[0][1]

    def _job_type(self, job_id: int) -> str:
        try:
            return str(self._property("JobType", f"{MANAGER_PATH}/job/{job_id}", _JOB))
        except Refused:  # it ended meanwhile
            return ""


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _NAME_CHARACTERS and name.isascii() and name.isprintable()


def unit_path(name: str) -> str:
    """The D-Bus path of a unit: all but letters and digits (and a first digit) as `_xx`. Asking it loads the unit."""
    escaped = re.sub(rb"[^A-Za-z0-9]|^[0-9]", lambda found: b"_%02x" % found[0][0], name.encode())
    return f"{MANAGER_PATH}/unit/{escaped.decode()}"


def unit_name(path: str) -> str:
    """The inverse of `unit_path`; empty for a path that is no unit's."""
    prefix = f"{MANAGER_PATH}/unit/"
    if not path.startswith(prefix):
        return ""
    raw = re.sub(rb"_([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), path.removeprefix(prefix).encode())
    return raw.decode(errors="replace")


def is_soon(scheduled: str, now: float) -> bool:
    """Whether a scheduled shut-down, as logind writes it down, comes soon; one that does not say when may."""
    moment = _SCHEDULED_FOR.search(scheduled)
    return moment is None or int(moment[1]) / 1e6 - now < _SOON_SECONDS
