"""A unit that systemd restarts again and again: `active` whenever one looks, and never well. Events count the restarts."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.unit_failed import asked_to_stop
from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.model import Fault, Severity

INTENSITY, PERIOD_SECONDS = 3, 180.0
"""So many automatic restarts in so many seconds are a loop (the two words are Erlang's). Fewer are systemd doing its work."""
_LASTING_SECONDS = 3.0
"""What is over sooner was a few restarts that helped, or a start limit that ended it: then the unit is failed, and that is told."""
_MOMENT_SECONDS = 0.5
"""A program that ends at once has done nothing, whatever it says."""
_STEADY_FACTOR, _STEADY_CAP_SECONDS = 1.5, 60.0
"""A run that lasts so much longer than the one that crashed last, or a minute, has left the loop."""


@check(on_events=True)
def unit_crash_loop(view: View, config: Config) -> Iterator[Fault]:
    """A unit that crashes again and again behind its own Restart=."""
    del config  # a loop is a loop, whoever declared it
    for name in view.units.restarting(PERIOD_SECONDS):
        noted = view.units.restarts(name, PERIOD_SECONDS)
        if noted < INTENSITY or noted == view.units.restarts(name, _LASTING_SECONDS):
            continue
        unit = view.units.get(name)
        # NRestarts falls to 0 when somebody starts the unit anew: what was noted before belongs to another story.
        if unit.n_restarts < INTENSITY or unit.active_state in ("inactive", "deactivating"):
            continue
        if unit.active_state == "failed" and asked_to_stop(view, unit) is not False:
            continue  # one that its start limit ended is still the same story
        ended = view.units.at_last_end(unit)
        if is_steady(unit, ended, view.now()) or _ends_by_design(unit, ended):
            continue
        why = ended.dead_reason or "nothing tells why"
        yield Fault(
            check="unit_crash_loop",
            target=name,
            reason="CrashLoop",
            message=f"{name} was restarted {unit.n_restarts} times by systemd and does not stay up: {why}",
            severity=Severity.HIGH,
            facts={"result": ended.result, "restart": unit.restart},
        )


def _ends_by_design(unit: Unit, ended: Unit) -> bool:
    """It was up, ended well, and is to be started again each time: so workers are recycled. Its probes tell whether it serves."""
    ended_well = ended.result == "success" and ended.exec_main_status == 0
    return unit.restart == "always" and ended_well and last_run_seconds(ended) > _MOMENT_SECONDS


def is_steady(unit: Unit, ended: Unit, now: float) -> bool:
    """Whether the present run has outlived the one that crashed last. `ended` is the unit as that one left it."""
    if not unit.running or not unit.active_enter_at:
        return False
    return now - unit.active_enter_at > min(_STEADY_FACTOR * last_run_seconds(ended) + 1.0, _STEADY_CAP_SECONDS)


def last_run_seconds(unit: Unit) -> float:
    """How long the run that ended last lasted. A start that never came to be `active` is a run of its own, and a short one."""
    if unit.result == "resources":
        return 0.0
    if unit.main_started_at > unit.active_exit_at:
        return max(0.0, unit.main_exited_at - unit.main_started_at)
    if unit.active_exit_at > unit.active_enter_at:
        return unit.active_exit_at - unit.active_enter_at
    return max(0.0, unit.restart_seconds)
