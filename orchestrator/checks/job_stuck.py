"""A job of a timer whose run does not end: it hangs, and while it does its timer starts no other."""

import itertools
import statistics
from collections.abc import Iterator, Sequence

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.jobs import Run, declared, past_runs, timers_of
from orchestrator.model import Fault, Severity

_LEAST_SECONDS = 30.0
_KNOWN_RUNS = 2
_TIMES_USUAL, _TIMES_PERIOD = 10.0, 1.2
_QUIET_SECONDS = 600.0
"""A job that does nothing at all for so long, beyond ten times its longest run, hangs, however rarely it runs."""


@check(every=30, deadline=20)
def job_stuck(view: View, config: Config) -> Iterator[Fault]:
    """A timer's job that runs far beyond its usual time, and keeps its next runs from starting."""
    for line in view.units.list():
        if line.active_state != "activating" or line.sub_state != "start" or not line.name.endswith(".service"):
            continue
        unit = view.units.get(line.name)
        if unit.sub_state != "start" or unit.type != "oneshot" or not timers_of(unit):
            continue
        try:
            why = stuck(view, unit)
        except Unavailable:
            continue  # what is usual for it cannot be told: unknown for this job alone (law 1)
        if why:
            known = declared(unit, config) is not None
            yield Fault(
                check="job_stuck",
                target=unit.name,
                reason="RunDoesNotEnd",
                message=f"{unit.name} {why}",
                severity=Severity.HIGH if known else Severity.WARNING,
            )


def stuck(view: View, unit: Unit) -> str:
    """Why the present run is one that hangs; empty for one that may only be long. Raises Unavailable."""
    running = view.now() - unit.main_started_at if unit.main_started_at else 0.0
    if running < _LEAST_SECONDS:
        return ""
    runs = past_runs(view, unit.name)
    if len(runs) < _KNOWN_RUNS:
        return ""
    usual = max(run.seconds for run in runs[-20:])
    if running < _TIMES_USUAL * usual:
        return ""
    period = _period(runs)
    if period and running > _TIMES_PERIOD * period:
        return f"runs for {running:.0f} s; it never took longer than {usual:.1f} s before, and it is started each {period:.0f} s"
    if running > _QUIET_SECONDS and not _works(view, unit):
        return f"runs for {running:.0f} s and does nothing; it never took longer than {usual:.1f} s before"
    return ""


def _period(runs: Sequence[Run]) -> float:
    """How often it was begun, as a rule."""
    return statistics.median(later.began - earlier.began for earlier, later in itertools.pairwise(runs))


def _works(view: View, unit: Unit) -> bool:
    """Whether any of its processes runs or waits for a disk right now: one look, so that only a job at rest counts as quiet."""
    return any(process.state in "RD" for process in view.processes.in_cgroup(unit.control_group))
