"""A unit that writes more to the journal than is taken of it, and goes on: what else it says, and others, is lost in it."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Fault, Scope, Severity


@check(every=20, deadline=15, whole_host=True)
def log_flood(view: View, config: Config) -> Iterator[Fault]:
    """A unit of which journald drops lines, again and again, since it writes too many."""
    del config
    for flood in view.floods.now(view.now()):
        yield Fault(
            check="log_flood",
            target=flood.unit,
            reason="LinesDropped",
            message=f"{flood.unit} writes more than journald takes: {flood.dropped} of its lines were dropped in {flood.seconds:.0f} s",
            severity=Severity.WARNING,
        )


def seen_to(view: View, scope: Scope) -> None:
    """Something was done within this scope: what was dropped before is past."""
    for unit in scope.units:
        view.floods.seen_to(unit, view.now())
