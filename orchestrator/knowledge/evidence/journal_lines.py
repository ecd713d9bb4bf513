from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.knowledge.signs import signs_in
from orchestrator.model import Case, Evidence, is_unit

_LINES = 60
_FILE_TAIL_BYTES = 8_000


@observation(early=True)
def journal_lines(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """The last lines of the unit's journal and of its declared log files, and the known signs in them.

    Lines of a log are attacker input: a sign points at a cause, and never alone justifies a change.
    """
    target = case.fault.target
    if is_unit(target):
        lines = view.journal.tail(target, lines=_LINES)
        text = "\n".join(line.message for line in lines)
        yield Evidence(source="journal", text=bounded(text), facts=signs_in(text))
    for rule in config.log:
        if rule.unit == target and rule.file and (state := view.files.look(rule.file)):
            text = view.files.read(rule.file, _FILE_TAIL_BYTES, tail=True).decode("utf-8", "replace") if state.kind == "file" else ""
            yield Evidence(source=f"log {rule.file}", text=bounded(text), facts=signs_in(text))
