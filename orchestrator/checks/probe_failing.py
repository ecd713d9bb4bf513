"""A declared service that runs, by systemd's word, and does not answer its user."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from orchestrator.checks import check
from orchestrator.config import Config, Service
from orchestrator.host import ProbeResult, Unavailable, View
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


@check(every=10, deadline=60, confirm=4)
def probe_failing(view: View, config: Config) -> Iterator[Fault]:
    """A declared service that is up, by systemd's word, and fails a probe."""
    asked = [service for service in config.service if service.probes and _should_answer(view, service)]
    if not asked:
        return
    with ThreadPoolExecutor(max_workers=min(8, len(asked)), thread_name_prefix="probe") as pool:
        answers = list(pool.map(lambda service: ask(view, service), asked))
    for service, results in zip(asked, answers, strict=True):
        misses = [result for result in results if not result.ok and not result.blind]
        if misses:
            yield fault_of(service, misses)
    blind = [result for results in answers for result in results if result.blind]
    if blind:  # said last: what was seen of the other services is lost to this look, and comes with the next
        raise Unavailable(f"{blind[0].probe}: {blind[0].detail}")


def ask(view: View, service: Service) -> tuple[ProbeResult, ...]:
    """All probes of one service, now. Healthy = all pass."""
    return tuple(view.probe(probe, service.user) for probe in service.probes)


def _should_answer(view: View, service: Service) -> bool:
    """A unit that is down, or on its way, is another check's business; what no unit runs is asked always."""
    if service.unit is None:
        return not service.start
    unit = view.units.get(service.unit)
    # An idle service behind its socket answers when it is asked.
    return (unit.running and not unit.in_transition) or any(view.units.get(name).running for name in unit.triggered_by)


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
        facts={"probe": first.probe.split(" ")[0], "failure": first.failure},
    )
