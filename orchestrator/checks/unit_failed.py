"""A unit that systemd itself reports as failed, and is not about to restart."""

import logging
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config, is_own
from orchestrator.host import Unavailable, Unit, View
from orchestrator.model import Fault, Severity

log = logging.getLogger(__name__)

REASONS = {
    "exit-code": "ExitCode",
    "signal": "KilledBySignal",
    "core-dump": "CoreDumped",
    "timeout": "TimedOut",
    "watchdog": "WatchdogMissed",
    "oom-kill": "OutOfMemory",
    "start-limit-hit": "StartLimitHit",
    "trigger-limit-hit": "Overrun",
    "protocol": "NeverReady",
    "resources": "NotSetUp",
    "dependency": "DependencyFailed",
    "exec-condition": "ConditionFailed",
}
"""systemd.service(5), `Result=`: each by a name that needs no manual."""

CRASHES = ("signal", "core-dump", "watchdog", "oom-kill")
"""No program ends so for want of an answer."""
_SIGTERM = 15


@check(on_events=True)
def unit_failed(view: View, config: Config) -> Iterator[Fault]:
    """A unit that systemd itself reports as failed."""
    for line in view.units.failed():
        unit = view.units.get(line.name)
        if unit.load_state == "masked" or (unit.transient and config.service_of(unit.name) is None):
            continue  # an administrator's decision; and a command of somebody's, ours among them, that ended badly before his eyes
        # `failed` alone is not "needs help": systemd passes through it on the way to its own restart.
        stands = unit.active_state == "failed" and not unit.in_transition
        if stands and not is_own(unit.name) and asked_to_stop(view, unit) is False:
            yield failed(unit, config, start_limit=view.units.starts_refused(unit))


def asked_to_stop(view: View, unit: Unit) -> bool | None:
    """A program that ends badly when an administrator stops it leaves a failed unit, and is no fault (a Java exits with 143).

    A crash by a signal other than SIGTERM needs no look into the journal: no stop looks like that. None: the journal does
    not tell. That is unknown for this unit alone (law 1), and must not blind the check for all others.
    """
    if unit.result in CRASHES and unit.exec_main_status != _SIGTERM:
        return False
    try:
        stop = view.units.stopped_by_hand(unit)
    except Unavailable as reason:
        log.info("%s is down, and nothing tells who stopped it: %s", unit.name, reason)
        return None
    return stop is not None and not stop.with_dependency


def failed(unit: Unit, config: Config, *, start_limit: bool) -> Fault:
    """The fault of one failed unit: what systemd knows of its end, without what changes from one time to the next."""
    facts = {"result": unit.result, "exit": _exit(unit)}
    facts.update({f"status.{line}": str(status) for line, status in sorted(unit.exec_statuses.items()) if line != "ExecStart"})
    if start_limit:
        facts["start_limit"] = "yes"
    return Fault(
        check="unit_failed",
        target=unit.name,
        reason=REASONS.get(unit.result, "Failed"),
        message=f"{unit.name} failed: {unit.dead_reason}" + ("; systemd refuses to start it again (start limit)" if start_limit else ""),
        severity=Severity.HIGH if config.service_of(unit.name) else Severity.WARNING,
        facts=facts,
    )


def _exit(unit: Unit) -> str:
    """How the main process ended: `exited/1`, `killed/9`, `dumped/6`; `none` where it never ran."""
    kind = {1: "exited", 2: "killed", 3: "dumped"}.get(unit.exec_main_code)
    return f"{kind}/{unit.exec_main_status}" if kind else "none"
