"""A unit that crashes every few minutes behind its own Restart=: too slow for a loop, and never well for long."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.unit_crash_loop import INTENSITY, PERIOD_SECONDS
from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.model import Fault, Severity

OFTEN, WITHIN_SECONDS = 5, 3600.0
_GOOD_ENDS = ("success", "timeout")
"""What ends by itself and is begun anew is how some programs work; `timeout` is RuntimeMaxSec=, or a stop that took long."""


@check(every=60)
def unit_flapping(view: View, config: Config) -> Iterator[Fault]:
    """A unit that crashes again and again, minutes apart, and that systemd restarts each time."""
    del config  # whoever declared it
    for name in view.units.restarting(WITHIN_SECONDS):
        often = view.units.restarts(name, WITHIN_SECONDS)
        if often < OFTEN or view.units.restarts(name, PERIOD_SECONDS) >= INTENSITY:
            continue  # the faster kind is a crash loop
        unit = view.units.get(name)
        if not unit.running or unit.n_restarts < OFTEN or (ended := view.units.at_last_end(unit)).result in _GOOD_ENDS:
            continue
        yield _fault(unit, often, ended)


def _fault(unit: Unit, often: int, ended: Unit) -> Fault:
    return Fault(
        check="unit_flapping",
        target=unit.name,
        reason="CrashesHidden",
        message=f"{unit.name} crashed {often} times in the last hour, and was restarted each time: {ended.dead_reason or ended.result}",
        severity=Severity.WARNING,
        facts={"result": ended.result, "restart": unit.restart},
    )
