"""A timer that is wanted and starts nothing any more: no run is due, or a person switched it off and its work is missed."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config, FileProbe, Service
from orchestrator.host import Unavailable, Unit, View
from orchestrator.model import Fault, Severity

_GRACE_SECONDS = 30.0
"""What somebody switches off he may switch on again at once."""
_STOPPED_SECONDS = 3600.0
"""A timer that was stopped and is still enabled is somebody's work under way; after so long he may have forgotten it."""


@check(every=60)
def timer_idle(view: View, config: Config) -> Iterator[Fault]:
    """A wanted timer without a next run, or switched off while a declared file shows that its work is missed."""
    for line in view.units.list():
        wanted = line.name in view.baseline.timers or config.service_of(line.name)
        if line.name.endswith(".timer") and wanted and (line.active_state, line.sub_state) == ("active", "elapsed"):
            timer = view.units.get(line.name)
            # One that fires once after the boot and never again has done what it was for; what one was for that systemd cannot read
            # any more, a misspelt OnCalendar=, nobody knows.
            meant = timer.repeats or timer.load_state == "bad-setting"
            if timer.sub_state == "elapsed" and meant and not timer.next_elapse_at:
                yield _never_elapses(timer, config)
    for service in config.service:
        limits = [probe for probe in service.probes if isinstance(probe, FileProbe) and probe.max_age_seconds]
        if limits and service.unit and (fault := _switched_off(view, service, limits)):
            yield fault


def _never_elapses(timer: Unit, config: Config) -> Fault:
    declared = config.service_of(timer.name) is not None
    broken = f", since its unit file cannot be used: {timer.load_error}" if timer.load_error else ""
    return Fault(
        check="timer_idle",
        target=timer.name,
        reason="NeverElapses",
        message=f"{timer.name} is active, is meant to fire again and again, and has no next time: it will never start its job{broken}",
        severity=Severity.HIGH if declared else Severity.WARNING,
    )


def _switched_off(view: View, service: Service, limits: list[FileProbe]) -> Fault | None:
    """A stop is an administrator's decision, and is left alone; that what he declared as wanted suffers from it he should know."""
    timer = timer_of(view, service)
    if timer is None or not timer.down or timer.load_state != "loaded":
        return None
    try:
        stop = view.units.stopped_by_hand(timer)
    except Unavailable:
        return None  # unknown for this timer alone (law 1)
    if stop is None or stop.with_dependency:
        return None  # unit_inactive tells it
    disabled = timer.unit_file_state == "disabled"
    if view.now() - stop.at < (_GRACE_SECONDS if disabled else _STOPPED_SECONDS):
        return None
    old = next((probe for probe in limits if _is_old(view, probe)), None)
    if old is None:
        return None
    return Fault(
        check="timer_idle",
        target=timer.name,
        reason="SwitchedOff",
        message=f"{timer.name} was stopped{' and disabled' if disabled else ''} by a person and is still off, and {old.file} is older than "
        f"the {old.max_age_seconds:g} s that {service.name} allows",
        severity=Severity.HIGH,
        facts={"timer": "disabled" if disabled else "stopped"},
    )


def timer_of(view: View, service: Service) -> Unit | None:
    """The service's own timer. systemd knows which timer starts a unit only while the timer is loaded: the name tells it otherwise."""
    unit = service.unit or ""
    if unit.endswith(".timer"):
        return view.units.get(unit)
    if not unit.endswith(".service"):
        return None
    timer = view.units.get(f"{unit.removesuffix('.service')}.timer")
    return timer if unit in timer.triggers else None


def _is_old(view: View, probe: FileProbe) -> bool:
    try:
        state = view.files.look(probe.file, follow=True)
    except Unavailable:
        return False
    return state is None or view.now() - state.mtime > (probe.max_age_seconds or 0.0)
