from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Config, FileProbe, Service
from orchestrator.host import Unavailable, Unit, View
from orchestrator.host.jobs import declared, timers_of
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def job(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """A timer and its job: whether the job ran since its work is missed, how that run ended, and what it may be waiting for."""
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
        "job.timer": timer.name,
        "job.declared": "yes" if service else "",
        "job.timer_state": "off" if timer.down else timer.sub_state,
        "job.running": "" if work.down else "yes",
        "job.failed": "yes" if work.active_state == "failed" else "",
        "job.next": f"{max(0.0, timer.next_elapse_at - view.now()):.0f}" if timer.next_elapse_at else "",
    }
    told = [f"{timer.name} ({facts['job.timer_state']}) starts {work.name} ({work.active_state}), next in {facts['job.next'] or '?'} s"]
    for name, what in (*_missed(view, service, work, timer), *_locked(view, service)):
        facts[name] = what
        told.append(f"{name}: {what}")
    yield Evidence(source="job", text="\n".join(told), facts={name: value for name, value in facts.items() if value})


def _pair(unit: Unit, view: View) -> tuple[Unit, Unit] | None:
    """(timer, job), whichever of the two it is."""
    if unit.name.endswith(".timer"):
        return (unit, view.units.get(unit.triggers[0])) if unit.triggers else None
    timers = timers_of(unit)
    return (view.units.get(timers[0]), unit) if timers else None


def _missed(view: View, service: Service | None, work: Unit, timer: Unit) -> Iterator[tuple[str, str]]:
    """A declared file that is too old tells that work is missed: there was no run since it was written, or one that did nothing."""
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
        elif not ran and work.down and not timer.down:
            yield "job.missed", "yes"


def _locked(view: View, service: Service | None) -> Iterator[tuple[str, str]]:
    """Who holds a lock on a file of the service: a job that waits for it, or gives up, does nothing."""
    paths = (*service.files, *((service.pid_file,) if service.pid_file else ())) if service else ()
    for path in paths:
        with suppress(Unavailable):
            state = view.files.look(path)
            holder = view.files.lock_holder(path) if state and state.kind == "file" else None
            process = view.processes.get(holder) if holder else None
            if process:
                yield "job.lock", path
                yield "job.lock_holder", f"{process.comm} (pid {process.pid}, {process.unit or 'no unit'})"
                return
