import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from orchestrator.checks.probe_failing import ask
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
    "answer.maintenance": re.compile(r"maintenance(?! downtime or capacity)", re.IGNORECASE),
}
"""What a service says of itself. Apache's 503 for whatever is down speaks of "maintenance downtime or capacity problems": no sign."""
_FLAG = re.compile(r"maintenance", re.IGNORECASE)
_SHOWN = 200


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
    for path in {str(PurePosixPath(path).parent) for path in service.config_files}:
        with suppress(Unavailable):
            if flags := [name for name in view.files.entries(path) if _FLAG.search(name)]:
                said += f"\n{path} holds {', '.join(flags[:5])}"
    yield Evidence(source="answers", text=bounded(said) or "all probes pass now", facts=facts)
