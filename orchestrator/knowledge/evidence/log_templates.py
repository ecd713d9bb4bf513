import re
from collections.abc import Iterator, Sequence

from orchestrator.config import Config
from orchestrator.host import Line, View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.knowledge.templates import key, template
from orchestrator.model import Case, Evidence, is_unit

_LINES = 500
_LED_TO_IT_SECONDS = 60.0
"""What a program says in the minute before its fault was seen belongs to it; what it said earlier is what it always says."""
_ERROR_PRIORITY = 3
_ERROR_WORDS = re.compile(
    r"\b(error|fatal|critical|panic|exception|traceback|failed|failure|cannot|could not|unable|refused|denied)\b", re.IGNORECASE
)
_MOST = 10


@observation(early=False)
def log_templates(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Which kinds of lines are new since the fault, and the kind of the newest error: stable keys for runbooks."""
    del config
    if not is_unit(case.fault.target):
        return
    lines = [line for line in view.journal.tail(case.fault.target, lines=_LINES) if not line.trusted and line.message.strip()]
    since = case.incident.detected_at - _LED_TO_IT_SECONDS
    usual = {template(line.message) for line in lines if line.at < since}
    recent = [line for line in lines if line.at >= since]
    new = _kinds([line for line in recent if template(line.message) not in usual])
    errors = _kinds([line for line in recent if _is_error(line)])
    facts = {
        "log.template": key(errors[-1]) if errors else "",
        "log.template_text": template(errors[-1])[:300] if errors else "",
        "log.new": " ".join(key(message) for message in new),
    }
    told = [f"{key(message)} {template(message)}" for message in new]
    yield Evidence(
        source="log_templates",
        text=bounded("\n".join(told) or "it says nothing that it did not say before"),
        facts={name: value for name, value in facts.items() if value},
    )


def _is_error(line: Line) -> bool:
    """By its own priority, or by its words: most programs write to a pipe, where every line has the same priority."""
    return line.priority <= _ERROR_PRIORITY or _ERROR_WORDS.search(line.message) is not None


def _kinds(lines: Sequence[Line]) -> list[str]:
    """One message of each kind, the newest kinds last, at most ten."""
    last: dict[str, str] = {}
    for line in lines:
        kind = template(line.message)
        last.pop(kind, None)
        last[kind] = line.message
    return list(last.values())[-_MOST:]
