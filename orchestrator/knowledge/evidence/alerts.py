from collections.abc import Iterator

from orchestrator.checks.probe_failing import ask, probes_of
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.model import Alert, Case, Evidence, utc


@observation(early=True)
def alerts(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What other watchers say of it, in their words; and what its own probes say, which alone count."""
    said = [item for item in view.alerts if item.target == case.fault.target]
    if case.fault.check != "alert" or not said:
        return
    lines = [_line(item) for item in said]
    service = config.service_of(case.fault.target)
    results = ask(view, service) if service and probes_of(view, service) else ()
    misses = [result for result in results if not result.ok]
    probes = "fail" if misses else "pass" if results else "none"
    failing = f"a probe fails: {misses[0].detail}" if misses else ""
    told = {"pass": "all its probes pass", "none": "it has no probes", "fail": failing}[probes]
    facts = {"log.alert": lines[0], "alert.probes": probes, "alert.told": told}
    yield Evidence(source="alerts", text=bounded("\n".join((*lines, told))), facts=facts)


def _line(item: Alert) -> str:
    said = f"{item.severity} {item.name} since {utc(item.starts_at)[:19]} UTC ({item.source})"
    return f"{said}: {item.summary}" if item.summary else said
