"""A declared service that has no open file or no task left to make: it fails with the next client, if it does not yet."""

import time
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.host.limits import watched
from orchestrator.model import Fault, Severity

_LASTING_SECONDS = 15.0
"""A burst that passes is no fault; one that does not let a probe pass is told at once, by that."""


@check(every=60)
def limits_met(view: View, config: Config) -> Iterator[Fault]:
    """A declared service that has met the limit of its open files or of its tasks, and stays there."""
    groups = {service.target: view.groups.of_unit(service.unit) for service in config.service if service.unit}
    pids = {target: watched(view.processes.pids_in(group)) for target, group in groups.items()}
    counts, blind, seen = {}, "", False
    try:
        counts = view.limits.open_files(pid for of_one in pids.values() for pid in of_one)
    except Unavailable as reason:  # tasks are counted for everybody to read
        blind = str(reason)
    for service in config.service:
        own = {pid: counts[pid] for pid in pids.get(service.target, ()) if pid in counts}
        name, met = f"full:{service.target}", _met(view, groups.get(service.target, ""), own)
        if met is None:
            view.trends.forget(name)
            continue
        why, told = met
        if view.trends.note(name, why, 1.0, time.monotonic()).span >= _LASTING_SECONDS:
            message, seen = f"{service.name} has met a limit: {told}", True
            yield Fault(check="limits_met", target=service.target, reason=why, message=message, severity=Severity.HIGH)
    if blind and not seen:
        raise Unavailable(blind)


def _met(view: View, group: str, counts: dict[int, int]) -> tuple[str, str] | None:
    if not group:
        return None
    if (files := view.limits.nearest(counts)) and files.full:
        return "FilesFull", f"{files.used} of {files.limit} files open in one process"
    room = view.limits.full_tasks(group)
    return ("TasksFull", f"{room.used} of {room.limit} tasks in {room.group}") if room else None
