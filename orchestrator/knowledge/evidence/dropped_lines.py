from collections import Counter
from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.knowledge.templates import key, template
from orchestrator.model import Case, Evidence, is_unit

_LINES = 500
_LOOK_BACK_SECONDS = 600.0


@observation(early=True)
def dropped_lines(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether journald dropped lines of the unit, so that its log tells only a part; and the kind of line that most of it is."""
    del config
    if not is_unit(case.fault.target):
        return
    dropped = view.floods.dropped(case.fault.target, view.now() - _LOOK_BACK_SECONDS)
    if not dropped:
        return
    lines = [line.message for line in view.journal.tail(case.fault.target, lines=_LINES) if not line.trusted and line.message.strip()]
    kinds = Counter(map(template, lines)).most_common(5)
    facts = {"journal.dropped": str(dropped)}
    if kinds:
        most = next(line for line in lines if template(line) == kinds[0][0])
        facts |= {"log.flood": kinds[0][0][:300], "log.flood_key": key(most)}
    told = [f"journald dropped {dropped} of its lines in ten minutes: what is missing may name the cause"]
    told += [f"{count} of the last {len(lines)}: {kind}" for kind, count in kinds]
    yield Evidence(source="dropped_lines", text=bounded("\n".join(told)), facts=facts)
