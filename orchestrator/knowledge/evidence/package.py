from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def package(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether the package of the unit was left half installed by an upgrade that broke off."""
    del config
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    if name := view.packages.half_done_of((unit.fragment_path, *unit.programs)):
        text = (
            f"dpkg left {name} half done, and nobody is at it" if not view.packages.busy() else f"dpkg is at work, and {name} is half done"
        )
        yield Evidence(source="package", text=text, facts={"package.half_done": name})
