"""What an action comes to on this host beyond its own words: whose its units are, and what goes down with the jobs that it queues.

By systemd's own properties, read by the hands themselves. systemd's rules (systemd.unit(5), and the transactions of version 252): a
start pulls up what is needed and wanted, and stops what conflicts with any of that; a stop, and a restart, takes along what
requires the unit, is bound to it, is part of it, or is told to stop with it, also across units that are down themselves.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Literal

from orchestrator.checks.certificate_standing import unit_of
from orchestrator.checks.unit_inactive import declared_dependencies, stands_beneath
from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View, jobs
from orchestrator.model import Action, Job, is_unit
from orchestrator.permits import Reach, Reached

MOST = 300
"""So many units are looked at. What reaches further is half the host, and nobody's repair."""
_INVERSE: dict[Job, Job] = {"start": "stop", "stop": "start"}

_Get = Callable[[str], Unit]


def reach(action: Action, view: View, config: Config, *, undoing: bool = False) -> Reach:
    """Raises Unavailable where systemd cannot be asked about a unit that it names."""
    get = cache(view.units.get)
    queued = action.jobs()
    if undoing:  # what runs as it did before is left alone, so a start is taken back by a stop of what runs now
        queued = tuple((_INVERSE[verb], name) for verb, name in queued if verb == "stop" or get(name).active_state not in _DOWN)
    falls, endless = _falls(queued, get)
    worked_on = dict.fromkeys(name for _, name in queued)
    merely_named = [name for name in dict.fromkeys(filter(is_unit, action.concerns())) if name not in worked_on]
    units = (*map(get, worked_on), *(_known(get, name) for name in merely_named))
    return Reach(units=tuple(_reached(unit, view, config) for unit in units), falls=falls, endless=endless)


def _known(get: _Get, name: str) -> Unit:
    """Where no systemd runs there are no units, and still files and containers that are called after one."""
    with suppress(Unavailable):
        return get(name)
    return Unit(name=name)


def belongs_to(action: Action, kind: str, targets: Sequence[str], view: View, config: Config) -> bool:
    """Whether an action is part of the repair that a change of this kind and these targets was.

    It starts what needs one of them, by systemd's word or the operator's; or it reloads what was reloaded with a file that is put back.
    """
    if action.kind == "reload_unit":
        return kind in ("reload_unit", "restart_unit") and action.targets() == tuple(targets)
    if action.kind != "start_unit" or action.targets() == tuple(targets):
        return False
    dependencies = declared_dependencies(config)
    return any(set(targets) & set(view.units.below(name, dependencies)) for name in action.targets())


# ---- what goes down -------------------------------------------------------------------------------------------------

_DOWN = ("inactive", "failed")


def _falls(queued: Iterable[tuple[Job, str]], get: _Get) -> tuple[tuple[str, ...], bool]:
    """What runs and would be stopped or started anew, by all its names; and whether more hangs on it than was looked at."""
    queued = tuple(queued)
    pulled, far = _walk([name for verb, name in queued if verb == "start"], _pulls, get)
    rivals = [name for unit in pulled for name in (*unit.conflicts, *unit.conflicted_by) if get(name).active_state not in _DOWN]
    stopped = [name for verb, name in queued if verb == "stop"]
    fallen, further = _walk([*stopped, *rivals], _takes_along, get)
    running = (unit for unit in fallen if unit.active_state not in _DOWN)
    return tuple(dict.fromkeys(name for unit in running for name in (unit.name, *unit.names))), far or further


def _pulls(unit: Unit) -> tuple[str, ...]:
    """What is up already conflicts with nothing that runs, and pulls nothing up any more."""
    return () if unit.running else (*unit.requires, *unit.binds_to, *unit.wants, *unit.upholds)


def _takes_along(unit: Unit) -> tuple[str, ...]:
    # A socket is made anew without the service behind it (units.py), which is stopped for that.
    behind = unit.triggers if unit.name.endswith(".socket") else ()
    return (*unit.required_by, *unit.requisite_of, *unit.bound_by, *unit.consists_of, *unit.propagates_stop_to, *behind)


def _walk(starts: Iterable[str], neighbours: Callable[[Unit], tuple[str, ...]], get: _Get) -> tuple[tuple[Unit, ...], bool]:
    """Breadth first, `starts` included; and whether it was given up."""
    found: dict[str, Unit] = {}
    queue = deque(starts)
    while queue:
        name = queue.popleft()
        if name in found:
            continue
        if len(found) == MOST:
            return tuple(found.values()), True
        found[name] = get(name)
        queue.extend(neighbours(found[name]))
    return tuple(found.values()), False


# ---- whose it is ----------------------------------------------------------------------------------------------------


def _reached(unit: Unit, view: View, config: Config) -> Reached:
    known = {unit.name, *unit.names}
    belongs = _belongs(unit, view, config)
    stranger = belongs == "stranger"
    return Reached(
        name=unit.name,
        names=unit.names,
        belongs=belongs,
        ran_before=bool(known & view.baseline.active),
        unasked=_unasked(unit, view) if stranger else "",
    )


def _belongs(unit: Unit, view: View, config: Config) -> Literal["declared", "near", "stranger"]:
    if _is_declared(unit, view, config):
        return "declared"
    return "near" if _is_near(unit, view, config) else "stranger"


def _is_declared(unit: Unit, view: View, config: Config) -> bool:
    """By a [[service]], as its job or its door, or by another table that names it."""
    if any(config.service_of(name) for name in (unit.name, *unit.names, *unit.triggers, *unit.triggered_by)) or jobs.declared(unit, config):
        return True
    named = {name for item in config.certificate for name in (item.unit, item.renew_unit)} | {rule.unit for rule in config.log}
    if named & {unit.name, *unit.names}:
        return True
    with suppress(Unavailable):
        return any(unit_of(view, item).name == unit.name for item in config.certificate)
    return False


def _is_near(unit: Unit, view: View, config: Config) -> bool:
    """What a declared unit needs, by systemd's word or the operator's or by where its files lie, and what needs one."""
    dependencies = declared_dependencies(config)
    declared = {service.target for service in config.service} | {name for names in dependencies.values() for name in names}
    if not declared:
        return False
    with suppress(Unavailable):
        around = {unit.name, *view.units.above(unit.name), *view.units.below(unit.name, dependencies)}
        return bool(around & declared) or _is_stood_on(unit, view, config)
    return False


def _is_stood_on(unit: Unit, view: View, config: Config) -> bool:
    if not unit.name.endswith(".mount") or not unit.where:
        return False
    services = ((view.units.get(service.unit), service) for service in config.service if service.unit)
    return any(stands_beneath(view, behind, service, unit.where) for behind, service in services)


def _unasked(unit: Unit, view: View) -> str:
    """Why nobody starts it by himself (law 4)."""
    if unit.transient:
        return "a transient unit"
    if unit.type == "oneshot":
        return "a oneshot"
    if unit.active_state != "inactive":
        return ""
    with suppress(Unavailable):  # without PID 1's words: that it ran lately, and one start an hour, must do
        stop = view.units.stopped_by_hand(unit)
        return "stopped by a person" if stop and not stop.with_dependency else ""
    return ""
