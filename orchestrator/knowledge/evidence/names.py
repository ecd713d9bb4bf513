from collections.abc import Iterator

from orchestrator.checks.names_standing import marks_told, trouble_of
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def names(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether the names that a service needs are found; for names that are not, what keeps them from it."""
    del config
    target = case.fault.target
    if case.fault.check != "names_fail":
        if target in view.names.needs:
            lost = ", ".join(trouble_of(view, target))
            yield Evidence(source="names", text=f"not found: {lost}" if lost else "all names that it needs are found")
        return
    facts = {"names.cause": case.fault.message}
    if is_unit(target) and (stop := view.units.stopped_by_hand(view.units.get(target))) and not stop.with_dependency:
        facts["names.stopped"] = "yes"
    yield Evidence(source="names", text="\n".join((case.fault.message, *marks_told(view))), facts=facts)
