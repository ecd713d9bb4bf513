from collections.abc import Iterator

from orchestrator.actions.good_files import config_files, owned_files
from orchestrator.actions.units import config_test
from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.knowledge.evidence import bounded, observation, ran_well_with
from orchestrator.model import Case, Evidence

_RECENT_SECONDS = 3600.0


@observation(early=True)
def configuration(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What is on disk against what was last known good, and what the service's own test says."""
    service = config.service_of(case.fault.target) or config.service_of(case.scope.service or "")
    if service is None:
        return
    facts: dict[str, str] = {}
    told: list[str] = []
    unit = view.units.get(service.unit) if service.unit else Unit(name=f"{service.name}.service")
    for path in dict.fromkeys((*config_files(service, view), *owned_files(service, view))):
        for name, what in _differences(view, path, unit, case.incident.detected_at):
            facts[name] = f"{facts[name]}, {path}" if name in facts else path
            told.append(f"{path}: {what}")
    if facts.get("config.served") != facts.get("config.changed_recently"):
        facts.pop("config.served", "")  # one that it did not serve with is enough to suspect
    if service.config_test:
        result = config_test(view, config, unit)
        if result is not None:
            facts["config.test"] = "unknown" if result.blind else "passes" if result.ok else "fails"
            told.append(f"{' '.join(service.config_test)}: {facts['config.test']} {result.detail.strip()}")
    yield Evidence(
        source="configuration", text=bounded("\n".join(told) or "no declared file differs from its last known good"), facts=facts
    )


def _differences(view: View, path: str, unit: Unit, fault_at: float) -> Iterator[tuple[str, str]]:
    good, state = view.known_good.get(path), view.files.look(path)
    if good is None:
        if state is None:
            yield "config.absent", "does not exist, and no good copy is known"
        return
    if state is None:
        yield "config.missing", "does not exist; a good copy is known"
        return
    if good.kind == "file" and state.kind == "file" and view.files.digest(path) != good.digest:
        changed = max(state.mtime, state.ctime)
        yield "config.changed", f"differs from the good copy; changed {fault_at - changed:.0f} s before the fault"
        if changed > good.loaded_at and fault_at - changed < _RECENT_SECONDS:
            yield "config.changed_recently", "changed shortly before the fault"
            if ran_well_with(view, unit, state):
                yield "config.served", "it was started with it, and answered"
    if good.kind == "link" and (state.kind, state.link_target) != (good.kind, good.link_target):
        now = f"a link to {state.link_target}" if state.kind == "link" else f"a {state.kind}"
        yield "config.link", f"is {now}; it was a link to {good.link_target}"
        return
    if (state.uid, state.gid, state.mode) != (good.uid, good.gid, good.mode):
        yield (
            "config.owner_mode",
            f"owner {state.uid}:{state.gid} mode {state.mode:o}; it was {good.uid}:{good.gid} mode {good.mode:o} while all was well",
        )
