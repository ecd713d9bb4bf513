"""Why a unit is down, by the only witness there is: what PID 1 wrote about it.

inactive + success is the same for "an administrator stopped it" and for "its process went away"; failed + exit-code is the
same for a crash and for an asked-for stop whose program exits with 1. Measured on systemd 252 (MESSAGE_ID, JOB_TYPE), newest
line last:

| what happened                     | lines                                                                                |
| --------------------------------- | ------------------------------------------------------------------------------------ |
| stop, disable --now, mask --now   | Stopping (stop), Deactivated, Stopped (stop, done)                                   |
| stop, and the program exits 3     | Stopping (stop), Main process exited, Failed with result, Stopped (stop, done)       |
| restart                           | Stopping (**stop** too), Deactivated, Stopped (**restart**, done), Started           |
| the dependency is stopped         | as a stop; its job's number is higher than that of the dependency's job              |
| the dependency is restarted       | as a restart; if it does not come back: Dependency failed (start, dependency)        |
| BindsTo= a unit that died         | Stopping (stop), Deactivated, Stopped (stop), 0.5-2 ms after the other's last line   |
| Requires= a unit that died        | nothing: it goes on                                                                  |
| clean exit, SIGTERM by anybody    | Deactivated                                                                          |
| crash, kill -9, RuntimeMaxSec=    | (Main process exited,) Failed with result                                            |
| Restart= at work                  | ..., Scheduled restart job, Stopped (restart, done), Started                         |
| stop while it waits for a restart | Stopped (stop, done)                                                                 |
| stop of a unit that has failed    | nothing: that cannot be told from a failure alone                                    |
| start limit                       | Stopped (restart), Start request repeated too quickly, Failed with result, Failed to start |
| a start that an ordering cycle forbids | nothing of the unit alone: Found ordering cycle (all units of the cycle), in no job     |

So only `Stopped` with JOB_TYPE=stop is proof, as the last step of a life: oneshots, timers and sockets have no `Stopping`.
"""

import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from signal import SIGINT, SIGTERM

from orchestrator.host.errors import Unavailable
from orchestrator.host.graph import is_basic
from orchestrator.host.journal import Journal, Line
from orchestrator.host.unit import KILLED, Stop, Unit
from orchestrator.model import is_unit

STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
STOPPED = "9d1aaa27d60140bd96365438aad20286"
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = "39f53479d3a045ac8e11786248231fbf"
START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
DEACTIVATED = "7ad2d189f7e94e70a38c781354912448"
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
"""sd-messages.h. The same for every type of unit ("Unmounted", "Closed" have STOPPED too)."""

_INFO = 6
"""syslog(3)."""
_NO_END = (STARTING, STARTED, STOPPING)
_TOO_QUICKLY = "Start request repeated too quickly."
_LATE_SECONDS = 2.0
_REREADS = (0.05, 0.15, 0.4)
"""journald may lag behind PID 1: for a change younger than 2 s the answer waits for the line that must come."""
_AT_ONCE_SECONDS = 1.0
_TRANSACTION_SECONDS = 120.0
"""A dependency that must stop first may take its whole stop time-out, usually 90 s, before our unit's stop begins."""
_CLOCK_SLACK_SECONDS = 0.1
_CACHED = 1000
_BELIEVED_SECONDS = 1.0, 600.0
"""A start that was tried later and refused leaves the unit's own times as they were: so its stop is read again, the older the rarer."""
_LEFT_DOWN_SECONDS = 30.0
"""Whoever misses a service has it started again sooner, be it systemd, a person or this daemon."""
_CYCLE = re.compile(r"(?:ordering cycle on|dependency on|cycle starting with) (\S+)/start$")
"""PID 1's words while it looks for a start job to give up; each line names all units of the cycle in its fields."""


@dataclass(frozen=True, slots=True)
class _End:
    """What PID 1's lines tell of a unit that is down, and until when (monotonic) that is believed."""

    stop: Stop | None = None
    cycle: tuple[str, ...] = ()
    until: float = math.inf


class Stops:
    """Thread-safe. Answers are cached by the unit's last change; raises Unavailable without a readable journal."""

    def __init__(self, journal: Journal, get: Callable[[str], Unit]) -> None:
        self._journal = journal
        self._get = get
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, float], _End] = OrderedDict()
        self._jobs: OrderedDict[tuple[str, float], bool] = OrderedDict()

    def asked_for(self, unit: Unit) -> Stop | None:
        return self._end(unit).stop

    def cycle(self, unit: Unit) -> tuple[str, ...]:
        """The units whose order is a circle, over which its last start was given up; none when that is not why it is down."""
        return self._end(unit).cycle

    def _end(self, unit: Unit) -> "_End":
        if unit.active_state not in ("inactive", "failed") or unit.load_state == "not-found":
            return _End()
        key = (unit.name, unit.inactive_enter_at)
        with self._lock:
            known = self._known.get(key)
        if known and time.monotonic() < known.until:
            return known
        end = self._read(unit)
        if unit.inactive_enter_at:  # a unit that was unloaded has no times: nothing tells its next stop from this one
            with self._lock:
                self._known[key] = end
                while len(self._known) > _CACHED:
                    self._known.popitem(last=False)
        return end

    def ends_by_itself(self, unit: Unit) -> bool:
        """Whether an earlier run, of any boot that the journal knows, ended well by itself, and nobody started the next for a while."""
        key = (unit.name, unit.inactive_enter_at)
        with self._lock:
            known = self._jobs.get(key)
        if known is None:
            known = _was_left_down(self._journal.manager_lines(unit.name, 0.0, boot_only=False))
            with self._lock:
                self._jobs[key] = known
                while len(self._jobs) > _CACHED:
                    self._jobs.popitem(last=False)
        return known

    def limit_hit(self, unit: Unit) -> bool:
        if unit.result.endswith("start-limit-hit"):
            return True
        if unit.active_state != "failed":
            return False
        for line in reversed(self._journal.manager_lines(unit.name, unit.inactive_enter_at - _AT_ONCE_SECONDS, lines=20)):
            if line.message.endswith(_TOO_QUICKLY):
                return True
            if line.fields.get("MESSAGE_ID") in (STARTED, STARTING):
                return False
        return False

    def _read(self, unit: Unit) -> "_End":
        lines = self._lines_of_end(unit)
        stopped, cycle = _last_stop(lines), _cycle(unit.name, lines)
        if stopped is None and _may_have_been_asked(unit):
            raise Unavailable(f"{unit.name} ended as if it was asked to, and its LogLevelMax= keeps PID 1 from saying whether it was")
        if stopped is None:
            return _End(cycle=cycle, until=_believed(lines[-1].at) if cycle else math.inf)
        job = _job(stopped)
        began = min((line.at for line in lines if _job(line) == job), default=stopped.at)
        stop = Stop(at=stopped.at, with_dependency=self._pulled_down_by(unit, job, began))
        return _End(stop, until=_believed(stop.at))

    def _lines_of_end(self, unit: Unit) -> tuple[Line, ...]:
        """PID 1's last lines about it; read again while the one of its end must still come.

        Raises Unavailable when that does not come (LogLevelMax=, a vacuumed journal, a journald that hangs): nobody knows why it
        ended. A unit without times (never started, or unloaded) and without lines has no end to be told.
        """
        ended = unit.inactive_enter_at
        for pause in (*_REREADS, 0.0):
            lines = self._journal.manager_lines(unit.name, 0.0, lines=20)
            missing = _end_is_missing(lines, ended)
            if not missing and not _may_go_on(lines):
                return lines
            if ended and time.time() - ended > _LATE_SECONDS:
                break
            time.sleep(pause)
        if missing:
            raise Unavailable(f"PID 1 wrote nothing about the end of {unit.name}")
        return lines

    def _pulled_down_by(self, unit: Unit, job: int, began: float) -> str:
        """The dependency whose own stop or death queued the unit's stop job.

        Jobs of one transaction are numbered in one go, the one that was asked for first: so a dependency whose job has a
        lower number, and that was not started since, is the reason; one that was stopped *later* has a higher number.
        """
        bound = [name for name in unit.binds_to if not is_basic(name)]
        hard = [*unit.requires, *unit.requisite, *unit.part_of, *unit.stop_propagated_from]
        names = list(dict.fromkeys([*bound, *(name for name in hard if not is_basic(name))]))
        if not names:
            return ""
        lines = self._journal.manager_lines(names, began - _TRANSACTION_SECONDS)
        jobs = _earlier_stop_jobs(lines, job, began)
        for name in names:
            if name not in jobs:
                dependency = self._get(name)  # its own stop may be still under way, or wait for ours
                if dependency.job_type in ("stop", "restart") and 0 < dependency.job_id < job:
                    jobs[name] = dependency.job_id
                elif name in bound and _died(name, lines, dependency, began):
                    return name
        return min(jobs, key=lambda name: jobs[name], default="")


def _believed(since: float) -> float:
    least, most = _BELIEVED_SECONDS
    return time.monotonic() + min(max(time.time() - since, least), most)


def _cycle(name: str, lines: Sequence[Line]) -> tuple[str, ...]:
    """What PID 1 said of a circle since the unit was started or stopped last."""
    found: dict[str, None] = {}
    for line in reversed(lines):
        if line.fields.get("MESSAGE_ID") in (STARTED, STARTING, STOPPED, START_FAILED):
            break
        if about := _CYCLE.search(line.message):
            found.update(dict.fromkeys((line.message.removeprefix("Job ").partition(":")[0], about[1])))
    return tuple(sorted(filter(is_unit, found))) if name in found else ()


def _last_stop(lines: Sequence[Line]) -> Line | None:
    """The `Stopped` of a stop job, unless a later start was tried."""
    for line in reversed(lines):
        message = line.fields.get("MESSAGE_ID")
        if message in (STARTED, STARTING, START_FAILED) or _CYCLE.search(line.message):
            return None
        if message == STOPPED:
            return line if line.fields.get("JOB_TYPE") == "stop" else None
    return None


def _was_left_down(lines: Sequence[Line]) -> bool:
    """Each time that it ended by itself; what was started again at once, or failed, is a service."""
    left, ended, asked = False, math.inf, False
    for line in lines:
        match line.fields.get("MESSAGE_ID"):
            case message if message in (STARTING, STARTED):
                if line.at - ended < _LEFT_DOWN_SECONDS and ended < math.inf:
                    return False
                left = left or ended < math.inf
                ended, asked = math.inf, False
            case message if message == STOPPING:
                asked = True
            case message if message == STOPPED and line.fields.get("JOB_TYPE") == "stop":  # a oneshot that remained is not stopping first
                ended = math.inf
            case message if message == DEACTIVATED:
                ended = math.inf if asked else line.at
            case message if message == FAILED:
                return False
    return left


def _end_is_missing(lines: Sequence[Line], ended: float) -> bool:
    """Whether the unit ended and the newest line is older, or still speaks of its life."""
    if not lines:
        return ended > 0
    return lines[-1].at < ended - _CLOCK_SLACK_SECONDS or lines[-1].fields.get("MESSAGE_ID") in _NO_END


def _may_go_on(lines: Sequence[Line]) -> bool:
    """Whether a `Stopped` may come in a moment: one was announced, or the unit was deactivated just now."""
    if not lines:
        return False
    stopped = {_job(line) for line in lines if line.fields.get("MESSAGE_ID") == STOPPED}
    announced = [_job(line) for line in lines if line.fields.get("MESSAGE_ID") == STOPPING]
    if announced and announced[-1] not in stopped:  # restarts of oneshots write the two in reverse
        return True
    last = lines[-1]
    return last.fields.get("MESSAGE_ID") == DEACTIVATED and time.time() - last.at < _CLOCK_SLACK_SECONDS


def _earlier_stop_jobs(lines: Sequence[Line], job: int, began: float) -> dict[str, int]:
    """For each unit the stop job of its last life before `began`, when it was queued before `job`."""
    jobs: dict[str, int] = {}
    for line in lines:
        message = line.fields.get("MESSAGE_ID")
        if message in (STARTED, STARTING) and line.at < began:
            jobs.pop(line.unit, None)
        elif message in (STOPPING, STOPPED) and 0 < _job(line) < job:
            jobs[line.unit] = _job(line)
    return jobs


def _died(name: str, lines: Sequence[Line], dependency: Unit, began: float) -> bool:
    """Whether a unit that ours is bound to went away just before, without a job of its own (a device writes no line at all)."""
    ends = [line.at for line in lines if line.unit == name and line.fields.get("MESSAGE_ID") in (DEACTIVATED, FAILED)]
    ends.append(dependency.inactive_enter_at)
    return any(began - _AT_ONCE_SECONDS <= end <= began + _CLOCK_SLACK_SECONDS for end in ends)


def _may_have_been_asked(unit: Unit) -> bool:
    """A failed unit whose stop nobody would have written down (`Stopped` is of level info), and that ended as a SIGTERM ends programs."""
    asked = (SIGTERM,) if unit.exec_main_code == KILLED else (128 + SIGTERM, 128 + SIGINT)
    return unit.log_level_max < _INFO and unit.active_state == "failed" and unit.exec_main_status in asked


def _job(line: Line) -> int:
    text = line.fields.get("JOB_ID", "")
    return int(text) if text.isdigit() else 0
