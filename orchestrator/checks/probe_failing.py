"""A declared service that runs, by systemd's word, and does not answer its user."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from orchestrator.checks import check
from orchestrator.checks.certificate_standing import HARMS_CLIENTS, trouble
from orchestrator.checks.timer_idle import timer_of
from orchestrator.checks.wanted_silence import is_wanted
from orchestrator.config import Config, Probe, Service
from orchestrator.host import Partly, ProbeResult, Unavailable, Unit, UnitLine, View
from orchestrator.host.jobs import timers_of
from orchestrator.host.rivals import is_job
from orchestrator.model import Fault, Severity

REASONS = {
    "refused": "ConnectionRefused",
    "timeout": "NoAnswer",
    "status": "WrongStatus",
    "content": "WrongAnswer",
    "age": "TooOld",
    "missing": "FileMissing",
    "exit": "CommandFailed",
}
_CLIENTS_WORD = ("exit", "status", "content")
"""How a probe fails that speaks with the service: one that is refused or gets no answer says nothing of a certificate."""
_CANNOT_RUN = ("exit status 126", "exit status 127")
_STALLED_PERCENT = 60.0
"""PSI, of the last 10 s."""
_AT_WORK_SECONDS = 900.0
_PROCESSES = 64
_ASSUMED_SECONDS = 30.0
STARTING_SECONDS = 20.0
"""How long a run may take until it answers for the first time: systemd calls most programs active before they are ready."""
OPENING_SECONDS, _QUIET_OPENING_SECONDS = 90.0, 45.0
"""The same for one that has not opened any door yet: a JVM that warms up, a server that reads its data. The first is what systemd
itself gives a start (DefaultTimeoutStartSec=); the other is for one that uses hardly any CPU meanwhile, and may wait for ever."""
_WARMS_UP = 0.2
"""Of a CPU."""
_LOOPS, _LOOPS_WITHIN_SECONDS = 2, 600.0
"""What systemd restarted so often lately does not warm up, it falls."""


@check(every=10, deadline=60, confirm=4)
def probe_failing(view: View, config: Config) -> Iterator[Fault]:
    """A declared service that is up, by systemd's word, and fails a probe."""
    declared = [service for service in config.service if probes_of(view, service)]
    units = tuple(service.unit for service in declared if service.unit)
    lines = {line.name: line for line in view.units.named(units)} if units else {}  # one question for all of them
    asked = [service for service in declared if _should_answer(view, service, lines)]
    if not asked:
        return
    asked_at = view.now()
    with ThreadPoolExecutor(max_workers=min(8, len(asked)), thread_name_prefix="probe") as pool:
        answers = list(pool.map(lambda service: ask(view, service), asked))
    for service, results in zip(asked, answers, strict=True):
        misses = [result for result in results if not result.ok and not result.blind]
        if misses and not _is_starting(view, service, misses) and not is_wanted(view, config, service, misses):
            fault = _or_certificate(view, config, service, misses) or _or_starved(view, service, fault_of(service, misses))
            yield _with_asked(view, fault)
        elif results and all(result.ok for result in results):
            # What was loaded after the question is not proved by the answer: a new run may answer nobody.
            view.answered[service.target] = asked_at
    blind = {service.target: result for service, results in zip(asked, answers, strict=True) for result in results if result.blind}
    if blind:  # said last: what was seen of the other services counts
        first = next(iter(blind.values()))
        raise Partly(f"{first.probe}: {first.detail}", blind)


def ask(view: View, service: Service) -> tuple[ProbeResult, ...]:
    """All probes of one service, now. Healthy = all pass. Of those that nobody declared only the answers that count."""
    if service.probes:
        return tuple(view.probe(probe, service.user) for probe in service.probes)
    probes, user = view.servers.probes(service.target)
    answers = ((probe, view.probe(probe, user)) for probe in probes)
    return tuple(result for probe, result in answers if view.servers.counts(service.target, probe, result))


def probes_of(view: View, service: Service) -> tuple[Probe, ...]:
    """The declared ones; without any those of the well-known server that it runs, once they have passed."""
    return service.probes or view.servers.probes(service.target)[0]


def _should_answer(view: View, service: Service, lines: Mapping[str, UnitLine]) -> bool:
    """A unit that is down, or on its way, is another check's business; what no unit runs is asked always."""
    if service.unit is None:
        return not service.start
    if not service.probes and view.now() - view.answered.get(service.target, 0.0) < _ASSUMED_SECONDS:
        return False  # nobody asked for these: well is asked now and then, and only what fails is asked as often as the others
    line = lines.get(service.unit)
    if line and line.active_state == "active" and not line.job_id:
        return True
    unit = view.units.get(service.unit)
    if is_job(unit) and unit.down and unit.active_state == "inactive":
        # It has done its work, and that is there to be asked for; unless nothing starts it any more, which is its timer's business.
        timer = timer_of(view, service)
        return timer is None or not timer.down
    # An idle service behind its socket answers when it is asked.
    return any(view.units.get(name).running for name in unit.triggered_by)


def _is_starting(view: View, service: Service, misses: Sequence[ProbeResult]) -> bool:
    """A young run that has not answered yet; what answered once and does not now is no start any more."""
    unit = view.units.get(service.unit) if service.unit else None
    if unit is None:
        return False
    began = unit.active_enter_at
    young = view.answered.get(service.target, 0.0) < began and view.now() - began < STARTING_SECONDS
    refused = all(miss.failure == "refused" for miss in misses)
    return young or (refused and view.now() < opening_until(view, service, unit)) or _is_at_work(view, unit)


def opening_until(view: View, service: Service, unit: Unit) -> float:
    """Until when a run that nobody can reach yet, on any port or socket, is only starting; 0.0 when it is not, or nobody can tell.

    So is one that closed its doors for a reload, as what reads all its rules anew does: it has not answered since.
    """
    began = max(unit.active_enter_at, unit.reloaded_at)
    warms_up = unit.cpu_seconds >= _WARMS_UP * (view.now() - unit.active_enter_at)
    until = began + min(unit.timeout_start, OPENING_SECONDS if warms_up else _QUIET_OPENING_SECONDS)
    answered = view.answered.get(service.target, 0.0) >= began
    if not unit.running or not unit.main_pid or answered or view.now() >= until:
        return 0.0
    if view.units.restarts(unit.name, _LOOPS_WITHIN_SECONDS) >= _LOOPS:
        return 0.0
    try:
        return 0.0 if has_open_door(view, unit) else until
    except Unavailable:
        return 0.0


def has_open_door(view: View, unit: Unit) -> bool:
    """Whether anybody can reach a process of the unit, on whatever port or socket. Raises Unavailable."""
    return view.sockets.serves(*view.processes.pids_in(unit.control_group)[:_PROCESSES])


def _is_at_work(view: View, unit: Unit) -> bool:
    """Whether a run of a timer's job is under way, which may be about to do what is missed; one that hangs is another check's."""
    is_one = unit.name.endswith(".timer") or timers_of(unit) or is_job(unit)
    jobs = (unit, *(view.units.get(name) for name in unit.triggers)) if is_one else ()
    runs = [job for job in jobs if job.active_state == "activating" and job.main_started_at]
    return any(view.now() - job.main_started_at < _AT_WORK_SECONDS for job in runs)


def _with_asked(view: View, fault: Fault) -> Fault:
    """The fault, with the declared services that this one asks by its configuration: where one of those stands wrong, there is the root."""
    asked = " ".join(dict.fromkeys(target for _, target in view.names.asks.get(fault.target, ()) if target))
    return fault.model_copy(update={"facts": {**fault.facts, "asks": asked}}) if asked else fault


def _or_starved(view: View, service: Service, fault: Fault) -> Fault:
    """The fault, unless the service only waits for a CPU that others use: then a restart would add to what keeps it waiting."""
    group = view.units.get(service.unit).control_group if service.unit and fault.reason == "NoAnswer" else ""
    wanted = _wanted(view, group) if group else ""
    if not wanted:
        return fault
    message = f"{service.name} does not answer in time, for want of {wanted}: others use it"
    return fault.model_copy(update={"reason": "Starved", "message": message})


def _or_certificate(view: View, config: Config, service: Service, misses: list[ProbeResult]) -> Fault | None:
    """The fault by its cause, when all that fails is what clients say who look at a certificate, and it is one that they refuse."""
    if any(miss.failure not in _CLIENTS_WORD for miss in misses):
        return None
    for declared in config.certificates_of(service.target):
        verdict = trouble(view, declared) if declared.unit == service.unit else None
        if verdict and (verdict.reason in HARMS_CLIENTS or (verdict.reason == "NotReloaded" and verdict.severity is Severity.HIGH)):
            update = {"reason": f"Certificate{verdict.reason}", "message": f"{service.name} fails its clients: {verdict.message}"}
            return fault_of(service, misses).model_copy(update=update)
    return None


def _wanted(view: View, group: str) -> str:
    """What its processes wait for most of the time: a CPU, or the disk that is busy. Empty when they hang, or are busy themselves."""
    if view.processes.starved(group):
        return "a CPU"
    own, host = view.groups.pressure(group, "io"), None
    with suppress(Unavailable):
        host = view.kernel.pressure("io")
    return "the disk" if own and host and min(own.full10, host.some10) >= _STALLED_PERCENT else ""


def fault_of(service: Service, misses: list[ProbeResult]) -> Fault:
    """The fault of one service whose probes missed."""
    first = misses[0]
    told = "; ".join(f"{miss.probe}: {miss.detail}" for miss in misses)
    return Fault(
        check="probe_failing",
        target=service.target,
        reason=REASONS.get(first.failure, "ProbeFailed"),
        message=f"{service.name} runs and does not answer as it should: {told}",
        severity=Severity.HIGH,
        facts={"probe": first.probe.split(" ")[0], "failure": first.failure}
        | ({"status": str(first.status)} if first.failure == "status" else {})
        | ({"cannot_run": "yes"} if all(map(_cannot_run, misses)) else {}),
    )


def _cannot_run(miss: ProbeResult) -> bool:
    """A shell's word that what its script calls is not there, or may not be executed: said of the probe, and not of the service."""
    return miss.failure == "exit" and miss.detail.split(":")[0] in _CANNOT_RUN
