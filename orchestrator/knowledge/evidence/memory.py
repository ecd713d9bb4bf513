from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.oom import OomKill, kills_in
from orchestrator.host.unit import KILLED
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.model import Case, Evidence, is_unit

_SIGKILL = 9
_NEAR_SECONDS = 15.0
"""Between the kernel's line and the end of the main process: others of the unit may be killed first."""
_FULL = 0.95
_MIB = 1 << 20


@observation(early=True)
def memory(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether it was killed for want of memory, whose limit that was, and how its memory grew."""
    del config
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    facts, told = _now(view, unit)
    if kill := _kill(view, unit, case.incident.detected_at):
        facts["memory.oom"] = kill.whose(unit.name)
        told.append(f"the kernel killed a process of it for want of memory: the limit of {kill.limited or 'the whole host'} was met")
        if facts["memory.oom"] != "own" and (hog := _hog(view, unit.name)):
            facts["memory.hog"] = hog
            told.append(f"of all units {hog} holds the most memory: what was killed need not be what grew")
    elif unit.result == "oom-kill":
        facts["memory.oom"] = "own"
        told.append("systemd says that it was killed for want of memory")
    trend = view.trends.of(f"memory:{unit.name}")
    if trend.grown > 0:
        facts["memory.growth"] = (
            f"from {trend.values[0] / _MIB:.0f} to {trend.values[-1] / _MIB:.0f} MiB in {_span(trend.span)} of its last run"
        )
        told.append(f"it grew {facts['memory.growth']}")
    yield Evidence(
        source="memory", text="\n".join(told) or "memory is not limited or not counted for it, and it was not killed", facts=facts
    )


def _now(view: View, unit: Unit) -> tuple[dict[str, str], list[str]]:
    facts: dict[str, str] = {}
    told = []
    if unit.memory_max is not None:
        facts["memory.limit"] = f"{unit.memory_max / _MIB:.0f} MiB"
    if (room := view.groups.memory_room(unit.control_group)) and unit.running:
        told.append(f"{room.used / _MIB:.0f} of {room.limit / _MIB:.0f} MiB of {room.group} are used, its cache of files apart")
        if room.share >= _FULL:
            facts["memory.full"] = room.group
        if view.groups.oom_kills(unit.control_group):
            facts["memory.oom"] = "own"
            told.append("processes in it were killed for want of memory, and it runs on without them")
    return facts, told


def _kill(view: View, unit: Unit, fault_at: float) -> OomKill | None:
    """The kernel's word; asked only where the end looks like it."""
    if unit.running or not (unit.result == "oom-kill" or (unit.exec_main_code == KILLED and unit.exec_main_status == _SIGKILL)):
        return None
    ended = unit.main_exited_at or fault_at
    with suppress(Unavailable):
        kills = kills_in(view.journal.kernel_lines(ended - _NEAR_SECONDS, lines=500))
        return next((kill for kill in reversed(kills) if kill.of(unit.name) and abs(kill.at - ended) < _NEAR_SECONDS), None)
    return None


def _hog(view: View, victim: str) -> str:
    """The unit that holds the most memory now, by its processes; empty when that is nobody's."""
    held: dict[str, int] = {}
    for process in view.processes.all():
        if process.unit.endswith(".service") and process.unit != victim:
            held[process.unit] = held.get(process.unit, 0) + process.rss
    return max(held, key=lambda name: held[name], default="")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 2 * 3600 else f"{seconds / 60:.0f} min" if seconds > 120 else f"{seconds:.0f} s"
