"""A unit that is wanted and does not run, though systemd calls nothing failed: `systemctl --failed` misses most outages.

Wanted is what the operator declared, and what was enabled and ran while all was well. Looking down the graph finds the
root: a unit that something wanted needs, and that is masked, missing, broken or down, is the fault to heal first.
"""

import logging
from collections.abc import Iterable, Iterator
from functools import cache

from orchestrator.checks import check
from orchestrator.checks.unit_failed import asked_to_stop
from orchestrator.config import OWN_UNIT, Config, Service
from orchestrator.host import Stop, Unavailable, Unit, View, mount_options, places
from orchestrator.host.crontabs import CRON, is_crontab
from orchestrator.host.graph import mount_unit
from orchestrator.host.unit import EXITED
from orchestrator.model import Fault, Severity

log = logging.getLogger(__name__)

_KINDS = (".service", ".socket", ".timer", ".mount", ".path", ".automount", ".swap")
_BROKEN = ("bad-setting", "error")
_MAX_CHAIN = 20
_UMOUNT_SECONDS = 60.0
"""How long before its end a umount may have begun that writes much."""
_CANNOT_RUN = 126
"""A shell's exit statuses for what it cannot run begin there, and so do systemd's own (systemd.exec(5)) beyond 200."""
_SETTLED_SECONDS = 5.0
"""A unit that nobody declared must have run so long once: what only flickers by was never somebody's service."""


@check(on_events=True)
def unit_inactive(view: View, config: Config) -> Iterator[Fault]:
    """A unit that is declared, or ran here while all was well, and is down though nobody stopped it."""
    states = {line.name: line.active_state for line in view.units.list()}
    found: set[str] = set()
    needs, get = cache(view.units.needs), cache(view.units.get)  # for this look: fifty units may stand on one mount
    declared = declared_dependencies(config)
    for name in sorted(wanted(view, config)):
        if states.get(name, "inactive") not in ("inactive", "failed"):
            continue
        unit = view.units.get(name)
        if not unit.down or not _is_missed(view, config, unit):
            continue
        below = view.units.below(name, declared, needs)
        for fault in (*_roots(view, unit, map(get, below)), *_itself(view, config, unit)):
            if fault.target not in found:
                found.add(fault.target)
                yield fault


def wanted(view: View, config: Config) -> set[str]:
    """The units that should run here: declared ones of any type, and those of the baseline that the boot starts."""
    declared = {service.unit for service in config.service if service.unit}
    return (declared | {name for name in view.baseline.active if name.endswith(_KINDS)}) - {OWN_UNIT}


def _is_missed(view: View, config: Config, unit: Unit) -> bool:
    """Whether a user would call its absence an outage."""
    if _may_be_down(view, unit):
        return False
    if not (config.service_of(unit.name) or _is_wanted_by_the_boot(view, unit) or _may_be_stood_on(view, config, unit)):
        return False
    if unit.active_state == "failed" and asked_to_stop(view, unit) is False:
        return True
    # Whoever stopped what cannot be loaded could not start it again, and systemd tells that to nobody else.
    if _stopped_by_a_broken_upgrade(view, unit) or (unit.load_state in _BROKEN and config.service_of(unit.name)):
        return True
    try:
        stop = view.units.stopped_by_hand(unit)
        by_itself = stop is None and (_was_swapped_off(unit) or _has_done_its_work(view, config, unit))
        meant = by_itself or _stays_down(view, stop) or _was_unmounted(view, unit)
    except Unavailable as reason:  # unknown for this unit alone (law 1)
        log.info("%s is down, and nothing tells who stopped it: %s", unit.name, reason)
        return False
    return not meant


def _has_done_its_work(view: View, config: Config, unit: Unit) -> bool:
    """A job that nobody declared, and nobody made a oneshot: to run an import a second time may do harm."""
    ended = unit.active_state == "inactive" and (unit.exec_main_code, unit.exec_main_status) == (EXITED, 0)
    return ended and unit.type != "oneshot" and config.service_of(unit.name) is None and view.units.ends_by_itself(unit)


def _was_unmounted(view: View, unit: Unit) -> bool:
    """By an administrator's umount, of which systemd knows nothing."""
    since, gone_at = unit.inactive_enter_at - _UMOUNT_SECONDS, unit.inactive_enter_at
    return unit.name.endswith(".mount") and bool(view.by_hand.unmounted(unit.where, since, gone_at))


def _was_swapped_off(unit: Unit) -> bool:
    """A swap never goes away by itself: without a job of systemd's it was swapoff(8), of which systemd knows nothing."""
    return unit.name.endswith(".swap") and unit.active_enter_at > 0 and unit.result == "success"


def _stopped_by_a_broken_upgrade(view: View, unit: Unit) -> bool:
    """A package's scripts stop its service before its files are exchanged, and start it again at the end: this one never came."""
    return bool(view.packages.half_done_of((unit.fragment_path, *unit.programs))) and not view.packages.busy()


def _may_be_down(view: View, unit: Unit) -> bool:
    """It did its work and ended; it is nobody's for long; an administrator masked it; or what triggers it waits for the need."""
    # Its own ExecCondition= says that it is not to run here now: a standby. One that cannot be run says nothing.
    skipped = unit.result == "exec-condition" and unit.exec_statuses.get("ExecCondition", 1) < _CANNOT_RUN
    ended = (unit.type == "oneshot" and not unit.remain_after_exit) or skipped
    masked = unit.unit_file_state in ("masked", "masked-runtime")
    return ended or unit.transient or masked or any(view.units.get(name).running for name in unit.triggered_by)


def _is_stood_on(view: View, config: Config, unit: Unit) -> bool:
    """A mount that somebody wrote a unit for, and on which a declared service stands: one that runs writes into the empty directory."""
    if not unit.name.endswith(".mount") or not unit.fragment_path:
        return False
    return any(stands_beneath(view, view.units.get(service.unit), service, unit.where) for service in config.service if service.unit)


def _may_be_stood_on(view: View, config: Config, unit: Unit) -> bool:
    try:
        return _is_stood_on(view, config, unit)
    except Unavailable as reason:  # unknown for this unit alone (law 1)
        log.info("%s is down, and nothing tells who stands on it: %s", unit.name, reason)
        return False


def stands_beneath(view: View, unit: Unit, service: Service, point: str) -> bool:
    """Whether a service has to do with what lies at `point` or beneath it, by what it declares, names or has open."""
    if mount_unit(point) in service.depends_on:
        return True
    return any(places.is_beneath(path, point) for path in places.paths(view, unit, service))


def _is_wanted_by_the_boot(view: View, unit: Unit) -> bool:
    """What is only `static` was started by another unit or by a call on the bus, and goes again when it is idle.

    So does what fstab lists as `noauto`: a disk that is mounted for the backup, and unmounted after it.
    """
    if unit.name.endswith(".mount") and "noauto" in mount_options.wanted(view, unit.where):
        return False
    return unit.enabled and unit.load_state != "not-found" and not _flickered(unit)


def _stays_down(view: View, stop: Stop | None) -> bool:
    """An administrator's stop stands, and so does one that came with what he stopped, however far below.

    A dependency that crashed, or is back again, took its dependants down by accident: they are to come back (law 4).
    While it is still on its way nobody can tell.
    """
    for _ in range(_MAX_CHAIN):
        if stop is None:
            return False
        if not stop.with_dependency:
            return True
        dependency = view.units.get(stop.with_dependency)
        if not dependency.down:
            return dependency.in_transition
        stop = view.units.stopped_by_hand(dependency)
    return True


def _flickered(unit: Unit) -> bool:
    return unit.active_enter_at > 0 and 0 < unit.active_exit_at - unit.active_enter_at < _SETTLED_SECONDS


def _itself(view: View, config: Config, unit: Unit) -> Iterator[Fault]:
    if unit.active_state == "failed":
        return  # unit_failed tells it, with more
    declared = config.service_of(unit.name) is not None
    severity = Severity.HIGH if declared else Severity.WARNING
    facts = {"load": unit.load_state, "result": unit.result}
    stop = view.units.stopped_by_hand(unit)
    circle = _circle(view, unit)
    if unit.load_state == "not-found":
        reason, message = "UnitMissing", f"{unit.name} is declared, and systemd does not know it"
    elif unit.load_state in _BROKEN:
        facts |= {"stopped": "yes"} if stop and not stop.with_dependency else {}
        reason, message = "UnitBroken", f"{unit.name} is down, and its unit file cannot be used: {unit.load_error or unit.load_state}"
    elif circle:
        reason, message, facts = *circle[:2], facts | circle[2]
    elif stop and stop.with_dependency:
        reason, message = (
            "StoppedWithDependency",
            f"{unit.name} went down with {stop.with_dependency}, which it needs, and was not started again",
        )
    elif view.units.was_taken_back(unit):
        reason, message = "StartTakenBack", f"{unit.name} is down: it was started, that did not help, and it was taken back"
    elif unit.active_enter_at:
        reason, message = "WentAway", f"{unit.name} is down: its main process ended without an error, and nobody asked for it"
    else:
        reason, message = "NeverStarted", f"{unit.name} is declared and was not started since the boot"
    yield Fault(check="unit_inactive", target=unit.name, reason=reason, message=message, severity=severity, facts=facts)


def _circle(view: View, unit: Unit) -> tuple[str, str, dict[str, str]] | None:
    """Reason, message and facts, when systemd gave up its start because units wait for each other."""
    cycle = view.units.ordering_cycle(unit)
    told = f"{unit.name} was not started: its order is a circle ({' and '.join(cycle)} wait for each other)"
    return ("OrderingCycle", told, {"cycle": " ".join(cycle)}) if cycle else None


def _roots(view: View, unit: Unit, below: Iterable[Unit]) -> Iterator[Fault]:
    """What the unit needs and what stands in its way, deepest last; an administrator's decision among them is told as such."""
    for need in below:
        name = need.name
        facts = {"load": need.load_state, "result": need.result, "needed_by": "yes"}
        if need.load_state == "masked":
            reason, message = "DependencyMasked", f"{name} is masked, and {unit.name} cannot start without it"
        elif need.load_state == "not-found":
            reason, message = "DependencyMissing", f"{name} does not exist, and {unit.name} cannot start without it"
        elif need.load_state in ("bad-setting", "error"):
            reason, message = (
                "DependencyBroken",
                f"{name} cannot be loaded ({need.load_error or need.load_state}), and {unit.name} needs it",
            )
        elif need.active_state == "inactive" and need.job_id == 0 and not _idle_by_design(need):
            circle = _circle(view, need)
            reason, message, more = circle or ("DependencyDown", f"{name} is down, and {unit.name} needs it", {})
            facts |= more
        else:
            continue
        yield Fault(check="unit_inactive", target=name, reason=reason, message=message, severity=Severity.HIGH, facts=facts)


def _idle_by_design(need: Unit) -> bool:
    return (need.type == "oneshot" and not need.remain_after_exit) or need.name.endswith((".target", ".slice", ".device", ".automount"))


def declared_dependencies(config: Config) -> dict[str, tuple[str, ...]]:
    """`depends_on` in units: for each declared unit, the units of what it depends on. What has a crontab depends on cron."""
    return {
        service.target: tuple(
            found.target if (found := config.service_of(name)) else name for name in (*service.depends_on, *_cron(service))
        )
        for service in config.service
        if service.depends_on or _cron(service)
    }


def _cron(service: Service) -> tuple[str, ...]:
    has_crontab = any(is_crontab(path) for path in (*service.config_files, *service.files))
    return (CRON,) if has_crontab and service.unit != CRON else ()
