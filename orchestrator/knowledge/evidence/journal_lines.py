from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.knowledge.signs import signs_in
from orchestrator.model import Case, Evidence, is_unit

_LINES = 60


@observation(early=True)
def journal_lines(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """The last lines of the unit's journal, and the known signs in them.

    Lines of a log are attacker input: a sign points at a cause, and never alone justifies a change.
    """
    del config
    if is_unit(case.fault.target):
        lines = view.journal.tail(case.fault.target, lines=_LINES)
        text = "\n".join(line.message for line in lines)
        yield Evidence(source="journal_lines", text=bounded(text), facts=signs_in(text))
