"""A start, stop or reload that never ends, where the unit's own time-out lets it last for ever, or does not end it.

A job that takes long is no fault: only one that takes far longer than it ever did, or than any start should.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.checks import check
from orchestrator.config import OWN_UNIT, Config
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.durations import Verb
from orchestrator.model import Fault, Severity

_SOON_SECONDS = 30.0
"""Nothing is called stuck before."""
_USUAL_FACTOR = 10.0
_UNKNOWN_SECONDS = 300.0
"""Where nothing tells how long it usually takes."""
_SLACK_SECONDS = 30.0
_SURVIVED_SECONDS = 20.0
_KILLED = ("stop-sigkill", "final-sigkill")


@dataclass(frozen=True, slots=True)
class _Doing:
    verb: Verb
    reason: str
    about: str


_DOING = {
    "activating": _Doing("start", "StartStuck", "its start does not end"),
    "deactivating": _Doing("stop", "StopStuck", "its stop does not end"),
    "reloading": _Doing("reload", "ReloadStuck", "its reload does not end"),
}


@check(every=30)
def unit_stuck(view: View, config: Config) -> Iterator[Fault]:
    """A start, stop or reload that lasts far beyond its usual time, or beyond its own time-out."""
    for line in view.units.under_way():
        if line.sub_state == "auto-restart" or line.name == OWN_UNIT or not line.name.endswith(".service"):
            continue
        unit = view.units.get(line.name)
        doing = _DOING.get(unit.active_state)
        lasted = view.now() - unit.changed_at
        if doing is None or not unit.changed_at or lasted < _SURVIVED_SECONDS or not _is_a_service(unit, config):
            continue
        if why := _beyond(view, unit, doing, lasted):
            yield Fault(
                check="unit_stuck",
                target=unit.name,
                reason=doing.reason,
                message=f"{unit.name}: {doing.about} ({unit.sub_state} for {lasted:.0f} s): {why}",
                severity=Severity.HIGH if config.service_of(unit.name) else Severity.WARNING,
                facts={"sub": unit.sub_state, "kind": unit.type},
            )


def _is_a_service(unit: Unit, config: Config) -> bool:
    """A oneshot at work is somebody's job, and may take as long as it likes; so may a command of somebody's."""
    at_work = unit.type == "oneshot" and unit.active_state == "activating"
    return not at_work and not (unit.transient and not config.service_of(unit.name))


def _beyond(view: View, unit: Unit, doing: _Doing, lasted: float) -> str:
    """Why that is too long; empty when it is not."""
    if unit.sub_state in _KILLED:
        return "a process of it outlives SIGKILL: it waits in the kernel"
    own = unit.timeout_stop if doing.verb == "stop" else unit.timeout_start
    if lasted < _SOON_SECONDS:
        return ""
    if own < math.inf:
        return f"its own time-out of {own:.0f} s has passed" if lasted > own + _SLACK_SECONDS else ""
    usual = _usual(view, unit, doing.verb)
    if usual is None:
        return f"it has no time-out, and lasts for {lasted:.0f} s" if lasted > _UNKNOWN_SECONDS else ""
    return f"it has no time-out, and took {usual:.1f} s at most before" if lasted > _USUAL_FACTOR * usual else ""


def _usual(view: View, unit: Unit, verb: Verb) -> float | None:
    """The longest that it took in this boot; None where that is not known."""
    try:
        return max(view.units.usual_seconds(unit.name, verb), default=None)
    except Unavailable:
        return None
