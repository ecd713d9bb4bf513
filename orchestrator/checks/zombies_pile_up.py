"""A process that does not reap its children. A zombie holds nothing but its number; but numbers are not without end."""

import time
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Fault, Severity

_MANY = 100
"""Of one parent. A few are no fault."""
_MANY_OF_TASKS = 0.5
_WORTH_NOTING = 10
_LASTING_SECONDS = 20.0
"""A burst that its parent comes round to reap is none either."""


@check(every=120, whole_host=True)
def zombies_pile_up(view: View, config: Config) -> Iterator[Fault]:
    """A process that does not reap its children, so that they pile up."""
    for parent, count in view.processes.unreaped().items():
        process = view.processes.get(parent) if count >= _WORTH_NOTING else None
        if process is None or not process.unit.endswith(".service"):
            continue
        trend = view.trends.note(f"unreaped:{parent}", f"{process.started_at}", count, time.monotonic())
        if count < _bound(view, process.cgroup) or count < max(trend.values) or trend.span < _LASTING_SECONDS:
            continue
        declared = config.service_of(process.unit) is not None
        yield Fault(
            check="zombies_pile_up",
            target=process.unit,
            reason="ChildrenNotReaped",
            message=f"{count} children of {process.comm} (pid {parent}) have ended, and it does not reap them",
            severity=Severity.HIGH if declared else Severity.WARNING,
        )


def _bound(view: View, group: str) -> float:
    """So many are too many: where tasks are limited, half of the limit is."""
    room = view.groups.tasks_room(group)
    return min(_MANY, _MANY_OF_TASKS * room.limit) if room else _MANY
