from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.setting_up import missing_account, missing_program
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def setting_up(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether what the unit would start is there, and the account that it would run as."""
    del config
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    if unit.running or unit.load_state != "loaded":
        return
    missing = [f"the program {path}" for path in (missing_program(view, unit),) if path]
    missing += [f"the account {name}" for name in (missing_account(unit),) if name]
    told = " and ".join(missing)
    yield Evidence(
        source="setting_up",
        text=f"not there: {told}" if told else "its program and its account are there",
        facts={"setup.missing": told} if told else {},
    )
