from collections.abc import Iterator

from orchestrator.config import Config, FileProbe, Service
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.jobs import declared, timers_of
from orchestrator.host.rivals import is_job, rivals
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def job(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """A job and what starts it: whether it ran since its work is missed, how that run ended, and what it may be waiting for."""
    if not is_unit(case.fault.target):
        return
    unit = view.units.get(case.fault.target)
    pair = _pair(unit, view)
    if pair is None:
        return
    timer, work = pair
    service = declared(work, config)
    facts = {
        "job.unit": work.name,
        "job.timer": timer.name if timer else "",
        "job.declared": "yes" if service else "",
        "job.timer_state": ("off" if timer.down else timer.sub_state) if timer else "",
        "job.running": "" if work.down else "yes",
        "job.failed": "yes" if work.active_state == "failed" else "",
        "job.next": f"{max(0.0, timer.next_elapse_at - view.now()):.0f}" if timer and timer.next_elapse_at else "",
    }
    starts = f"{timer.name} ({facts['job.timer_state']}) starts it next in {facts['job.next'] or '?'} s" if timer else "no timer starts it"
    told = [f"{work.name} is {work.active_state}; {starts}"]
    for name, what in (*_missed(view, service, work, timer), *_locked(view, service, work)):
        facts[name] = what
        told.append(f"{name}: {what}")
    yield Evidence(source="job", text="\n".join(told), facts={name: value for name, value in facts.items() if value})


def _pair(unit: Unit, view: View) -> tuple[Unit | None, Unit] | None:
    """(timer, job), whichever of the two it is; a job that cron or a person starts has no timer."""
    if unit.name.endswith(".timer"):
        return (unit, view.units.get(unit.triggers[0])) if unit.triggers else None
    timers = timers_of(unit)
    if timers:
        return (view.units.get(timers[0]), unit)
    return (None, unit) if is_job(unit) else None


def _missed(view: View, service: Service | None, work: Unit, timer: Unit | None) -> Iterator[tuple[str, str]]:
    """A declared file that is too old tells that work is missed: there was no run since it was written, or one that did nothing.

    A job that no timer keeps is forgotten by systemd when it has ended: when it ran last is not known.
    """
    for probe in service.probes if service else ():
        if not isinstance(probe, FileProbe):
            continue
        state = view.files.look(probe.file, follow=True)
        written = state.mtime if state else 0.0
        if state and (probe.max_age_seconds is None or view.now() - written <= probe.max_age_seconds):
            continue
        ran = work.main_started_at > written
        yield "job.stale", probe.file
        if ran and work.down and work.active_state != "failed":
            yield "job.does_nothing", "yes"
        elif not ran and work.down and timer and not timer.down:
            yield "job.missed", "yes"


def _locked(view: View, service: Service | None, work: Unit) -> Iterator[tuple[str, str]]:
    """Who holds a lock that the job needs: it waits for that, or gives up and does nothing."""
    try:
        holder = next((rival for rival in rivals(view, work, service) if rival.kind in ("lock", "run")), None)
    except Unavailable:
        yield "blind.job", "who holds its locks"
        return
    if holder:
        yield "job.lock", holder.what
        yield "job.lock_holder", holder.told
