from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.obstacles import obstacles
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def setting_up(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What stands in the way of systemd before the program runs: each path by name, as the file system has it now."""
    del config
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    if unit.running or unit.load_state != "loaded":
        return
    found = obstacles(view, unit)
    facts: dict[str, list[str]] = {}
    for obstacle in found:
        facts.setdefault(f"setup.{obstacle.kind}", []).append(obstacle.path)
        facts.setdefault("setup.step", []).append(obstacle.step)
        facts.setdefault("setup.obstacle", []).append(obstacle.told)
        if obstacle.kind == "account" or (obstacle.step == "EXEC" and obstacle.kind != "unreachable"):
            facts.setdefault("setup.missing", []).append(obstacle.told)
    yield Evidence(
        source="setting_up",
        text="\n".join(obstacle.told for obstacle in found) or "nothing that it needs before its program runs is missing",
        facts={name: "; ".join(dict.fromkeys(values)) for name, values in facts.items()},
    )
