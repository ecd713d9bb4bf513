from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.host.unit import CLOSED_FOR_ITS_SERVICE
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_MAX_LOOKED_AT = 40
_NOTICED_SECONDS = 15.0
"""How soon after a restart below it a service that holds on to the old run fails a probe."""


@observation(early=True)
def dependencies(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """The state of what the target needs, and what runs on top of it."""
    del config
    if not is_unit(case.fault.target):
        return
    states = {line.name: line for line in view.units.list()}
    facts: dict[str, list[str]] = {"below.down": [], "below.masked": [], "below.stopped": [], "above.running": [], "below.newer": []}
    unit = view.units.get(case.fault.target)
    started = unit.main_started_at
    # One whose users were answered after that has found the new run of what it needs.
    since = max(started, view.answered.get(case.fault.target, 0.0) - _NOTICED_SECONDS)
    told = []
    for name in case.scope.below[:_MAX_LOOKED_AT]:
        line = states.get(name)
        state = f"{line.active_state} ({line.sub_state})" if line else "not loaded"
        told.append(f"needs {name}: {state}")
        if name in unit.triggers:
            continue  # a timer's job is down between its runs
        if line is None or line.active_state in ("inactive", "failed"):
            if why := _missing(view, unit, view.units.get(name)):
                facts[why].append(name)
        elif name.endswith(".service") and started and view.units.get(name).active_enter_at > since:
            facts["below.newer"].append(name)
            told.append(f"{name} was started after {case.fault.target}")
    for name in case.scope.above[:_MAX_LOOKED_AT]:
        line = states.get(name)
        told.append(f"needed by {name}: {line.active_state if line else 'not loaded'}")
        if line and line.active_state == "active":
            facts["above.running"].append(name)
    found = {name: ", ".join(names) for name, names in facts.items() if names}
    yield Evidence(source="dependencies", text="\n".join(told) or "it needs nothing that is watched, and nothing needs it", facts=found)


def _missing(view: View, unit: Unit, need: Unit) -> str:
    """The fact for what is needed and not there; empty for a job between its runs, and for the unit's own door, closed for its sake."""
    if need.load_state == "masked":
        return "below.masked"
    own_door = need.name in unit.triggered_by and need.result == CLOSED_FOR_ITS_SERVICE
    if need.name in view.units.ordering_cycle(unit):
        return "below.down"
    if need.active_state not in ("inactive", "failed") or need.type == "oneshot" or own_door:
        return ""
    stop = view.units.stopped_by_hand(need)
    return "below.stopped" if stop and not stop.with_dependency else "below.down"
