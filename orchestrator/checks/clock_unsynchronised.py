"""The clock of this host runs on its own, and a time server kept it before: certificates, tokens and timers stand on it."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Fault, Severity

TARGET = "clock"


@check(every=600, confirm=2, whole_host=True)
def clock_unsynchronised(view: View, config: Config) -> Iterator[Fault]:
    """The kernel does not hold its clock for synchronised any more. A host that never was is somebody's choice."""
    del config
    kept = view.clock.synchronised()
    if view.clock.was_synchronised and not kept:
        yield Fault(
            check="clock_unsynchronised",
            target=TARGET,
            reason="ClockUnsynchronised",
            message="no time server keeps the clock of this host any more, for nine hours or longer",
            severity=Severity.WARNING,
        )
