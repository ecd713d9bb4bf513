from collections.abc import Iterator

from orchestrator.actions.good_files import config_files, loaded_at
from orchestrator.config import Config
from orchestrator.host import View, doors
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_MAX_LOOKED_AT = 40
_RECENT_SECONDS = 3600.0


@observation(early=True)
def suspects(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What runs below a service that runs and fails its users, and may be the cause: it cannot be reached, or was changed."""
    if case.fault.check != "probe_failing" or not is_unit(case.fault.target) or not case.scope.below:
        return
    facts: dict[str, str] = {}
    for unit, path in list(doors.gone(view, case.scope.below).items())[:1]:
        facts |= {"below.door_gone": unit, "below.socket": path}
    for unit, path in _changed(view, config, case):
        facts |= {"below.changed_unit": unit, "below.changed": path}
        break
    told = "\n".join(f"{name}: {value}" for name, value in facts.items())
    yield Evidence(source="suspects", text=told or "what it needs can be reached, and has loaded no change lately", facts=facts)


def _changed(view: View, config: Config, case: Case) -> Iterator[tuple[str, str]]:
    """Declared services that have loaded a file that was changed within the hour before the fault."""
    since = case.incident.detected_at - _RECENT_SECONDS
    for name in case.scope.below[:_MAX_LOOKED_AT]:
        service = config.service_of(name)
        loaded = loaded_at(view.units.get(name)) if service and service.unit else 0.0
        for path in config_files(service, view) if service and loaded > since else ():
            good, state = view.known_good.get(path), view.files.look(path)
            if not good or not state or (good.kind, state.kind) != ("file", "file"):
                continue
            if max(good.loaded_at, since) < state.ctime < loaded and view.known_good.digest(path) != good.digest:
                yield name, path
