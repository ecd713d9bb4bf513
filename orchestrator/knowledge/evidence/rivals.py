from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.jobs import declared
from orchestrator.host.rivals import rivals as found
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def rivals(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Who else has what a unit that is down needs: its port, the lock on its file."""
    if not is_unit(case.fault.target):
        return
    unit = view.units.get(case.fault.target)
    facts: dict[str, list[str]] = {}
    for rival in found(view, unit, declared(unit, config)):
        facts.setdefault(f"rival.{rival.kind}", []).append(rival.told)
    if facts:
        told = {name: "; ".join(values) for name, values in facts.items()}
        yield Evidence(source="rivals", text="\n".join(told.values()), facts=told)
