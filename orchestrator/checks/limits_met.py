"""A declared service that has no open file or no task left to make: it fails with the next client, if it does not yet."""

import time
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.limits import full_tasks, nearest_files
from orchestrator.model import Fault, Severity

_LASTING_SECONDS = 15.0
"""A burst that passes is no fault; one that does not let a probe pass is told at once, by that."""


@check(every=60)
def limits_met(view: View, config: Config) -> Iterator[Fault]:
    """A declared service that has met the limit of its open files or of its tasks, and stays there."""
    for service in config.service:
        group = view.groups.of_unit(service.unit) if service.unit else ""
        name, met = f"full:{service.target}", _met(view, group)
        if met is None:
            view.trends.forget(name)
            continue
        reason, told = met
        if view.trends.note(name, reason, 1.0, time.monotonic()).span >= _LASTING_SECONDS:
            message = f"{service.name} has met a limit: {told}"
            yield Fault(check="limits_met", target=service.target, reason=reason, message=message, severity=Severity.HIGH)


def _met(view: View, group: str) -> tuple[str, str] | None:
    if not group:
        return None
    if (files := nearest_files(view.processes.pids_in(group))) and files.full:
        return "FilesFull", f"{files.used} of {files.limit} files open in one process"
    room = full_tasks(view.groups, group)
    return ("TasksFull", f"{room.used} of {room.limit} tasks in {room.group}") if room else None
