"""When a service that fails its probes does so by somebody's decision: paused, frozen, in maintenance, under a debugger."""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from orchestrator.checks.container_standing import containers_of
from orchestrator.config import Config, Service
from orchestrator.host import ProbeResult, Unavailable, Unit, View
from orchestrator.host.blocked import tracer

_UNHEARD_SECONDS = 3600.0
"""What anybody could say of himself, or forget, is not taken for a decision for ever."""
_UNAVAILABLE = 503
MAINTENANCE = re.compile(r"maintenance(?! downtime or capacity)", re.IGNORECASE)
"""Apache's 503 for whatever is down speaks of "maintenance downtime or capacity problems": no sign."""
_SWITCH = re.compile(r"maintenance", re.IGNORECASE)
_JUST_BEFORE_SECONDS = 60.0
_PROCESSES = 64
_FILES = 50


def is_wanted(view: View, config: Config, service: Service, misses: Sequence[ProbeResult]) -> bool:
    """An administrator paused or froze it; or, for an hour, it says when it comes back, is in maintenance, or is being traced."""
    with suppress(Unavailable):  # an engine that does not answer says nothing of the service
        if any(container.state == "paused" or container.by_hand for container in containers_of(service, view, config)):
            return True
    unit = view.units.get(service.unit) if service.unit else Unit(name=service.name)
    if service.unit and unit.freezer_state != "running":
        return True
    name = f"wanted so:{service.target}"
    why = _said(view, service, misses) or ("traced" if all(miss.failure == "timeout" for miss in misses) and _is_traced(view, unit) else "")
    if not why:
        view.trends.forget(name)
        return False
    return view.trends.note(name, why, 1.0, time.monotonic()).span < _UNHEARD_SECONDS


def _said(view: View, service: Service, misses: Sequence[ProbeResult]) -> str:
    """What it says of itself: when to come back, or that it is in maintenance, which somebody switched on with a file beside its own."""
    if all(miss.comes_back for miss in misses):
        return "comes back"
    maintenance = all(miss.status == _UNAVAILABLE and MAINTENANCE.search(miss.said) for miss in misses)
    return "maintenance" if maintenance and _switched_on(view, service) else ""


def _switched_on(view: View, service: Service) -> bool:
    """Whether a file whose name says so was put there when it ceased to serve."""
    since = view.answered.get(service.target, 0.0) - _JUST_BEFORE_SECONDS
    return any((state := view.files.look(path)) and max(state.mtime, state.ctime) > since for path in switches(view, service))


def switches(view: View, service: Service) -> tuple[str, ...]:
    """The files beside its own ones whose names speak of maintenance."""
    known = view.servers.of(service.target)
    own = (*service.config_files, *service.files, *(known.files(view.files) if known else ()))
    places = {str(PurePosixPath(path).parent) for path in own[:_FILES]} | set(service.files)
    found = []
    for place in sorted(places):
        with suppress(Unavailable):
            found += [f"{place}/{name}" for name in view.files.entries(place) if _SWITCH.search(name)]
    return tuple(found)


def _is_traced(view: View, unit: Unit) -> bool:
    """Whether somebody else looks into one of its processes; a program may well trace its own children."""
    for process in view.processes.in_cgroup(unit.control_group)[:_PROCESSES] if unit.control_group else ():
        watcher = tracer(process.pid)
        looks_on = view.processes.get(watcher) if watcher else None
        if looks_on and looks_on.unit != unit.name:
            return True
    return False
