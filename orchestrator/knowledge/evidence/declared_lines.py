from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.model import Case, Evidence


@observation(early=True)
def declared_lines(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """The lines that the operator declared as trouble, as they were written."""
    rules = [rule for rule in config.log if config.log_target(rule) == case.fault.target]
    matches = [(rule, match) for rule in rules if (match := view.logs.last(rule.log, rule.pattern))]
    if not matches:
        return
    told = [f"{rule.log}, {match.count} that fit {rule.pattern!r}, the newest: {match.line}" for rule, match in matches]
    told += [f"{match.unread} bytes of {rule.log} came too fast to be read" for rule, match in matches if match.unread]
    newest = max((match for _, match in matches), key=lambda match: match.at)
    yield Evidence(source="declared_lines", text=bounded("\n".join(told)), facts={"log.declared": newest.line.strip()[:300]})
