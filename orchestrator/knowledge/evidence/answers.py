import re
from collections.abc import Iterator

from orchestrator.checks.probe_failing import ask
from orchestrator.checks.wanted_silence import MAINTENANCE, switches
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.knowledge.signs import signs_in
from orchestrator.model import Case, Evidence

_SPEAKING = ("WrongStatus", "WrongAnswer", "CommandFailed")
_SIGNS = {
    "answer.memory_full": re.compile(
        r"OOM command not allowed|maxmemory|out of memory storing object|memory limit (was )?(reached|exceeded)", re.IGNORECASE
    ),
    "answer.maintenance": re.compile(rf"{MAINTENANCE.pattern}|\bdraining\b|\blame[ -]?duck\b|\bout[ _]of[ _]service\b", re.IGNORECASE),
}
"""What a service says of itself."""
_SHOWN = 200
_OF_ANOTHER = (502, 503, 504)
"""Statuses that a gateway gives for what it asks."""


@observation(early=True)
def answers(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What a service says that answers wrongly: in its own words, which only ever keep us from acting."""
    service = config.service_of(case.fault.target)
    if service is None or case.fault.check != "probe_failing" or case.fault.reason not in _SPEAKING:
        return
    misses = [result for result in ask(view, service) if not result.ok]
    said = "\n".join(f"{miss.detail}\n{miss.said}".strip() for miss in misses)
    facts = {
        name: found[0] for name, sign in _SIGNS.items() if (found := [line[:_SHOWN] for line in said.splitlines() if sign.search(line)])
    }
    facts |= {name: line for name, line in signs_in(said).items() if name.startswith("danger.")}
    if switched := switches(view, service):
        said += f"\nthere is {', '.join(switched[:5])}"
    if any(miss.status in _OF_ANOTHER for miss in misses) and (behind := ", ".join(_behind(view, service.target))):
        facts["upstream.failing"] = behind
        said += f"\nit asks {behind}"
    yield Evidence(source="answers", text=bounded(said) or "all probes pass now", facts=facts)


def _behind(view: View, target: str) -> Iterator[str]:
    """Whom a gateway asks on this host by its configuration, and who is there."""
    for port, _ in view.names.asks.get(target, ()):
        try:
            holder = view.sockets.holder_of_port(port)
            there = (holder.unit or holder.comm) if holder else "nobody listens"
        except Unavailable:
            there = "who listens may not be read"
        yield f"127.0.0.1:{port} ({there})"
