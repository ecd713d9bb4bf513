from collections.abc import Iterator
from pathlib import PurePosixPath

from orchestrator.actions.good_files import config_files, is_unread, owned_files, working_units
from orchestrator.actions.restore_config import is_added
from orchestrator.actions.units import config_test
from orchestrator.config import Config, Service
from orchestrator.host import FileState, GoodFile, Unit, View
from orchestrator.host.provenance import programs_of
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
    unit = view.units.get(service.unit) if service.unit else Unit(name=service.name)
    programs = (path for working in working_units(service, view) for path in programs_of(working))
    for path in dict.fromkeys((*config_files(service, view), *owned_files(service, view), *programs)):
        for name, what in _findings(view, path, service, case.incident.detected_at):
            facts[name] = f"{facts[name]}, {path}" if name in facts else path
            told.append(f"{path}: {what}")
    told.extend(_unproved(view, service, case.incident.detected_at))
    if facts.get("config.served") != facts.get("config.changed_recently"):
        facts.pop("config.served", "")  # one that it did not serve with is enough to suspect
    result = config_test(view, config, unit)
    if result is not None:
        facts["config.test"] = "unknown" if result.blind else "passes" if result.ok else "fails"
        told.append(f"{result.probe}: {facts['config.test']} {result.detail.strip()}")
    yield Evidence(
        source="configuration", text=bounded("\n".join(told) or "no declared file differs from its last known good"), facts=facts
    )


def _findings(view: View, path: str, service: Service, fault_at: float) -> Iterator[tuple[str, str]]:
    good, state = view.known_good.get(path), view.files.look(path)
    if good:
        yield from _differences(view, good, state, service, fault_at)
    elif state is None:
        yield "config.absent", "does not exist, and no good copy is known"
    elif is_added(path, service, view):
        yield "config.added", f"was not there while all was well; came {fault_at - state.ctime:.0f} s before the fault"
        yield from _recently(view, path, service, state, fault_at)
    elif is_unread(path, max(state.mtime, state.ctime), service, view):
        yield "config.unread", "was changed, and not read since"


def _unproved(view: View, service: Service, fault_at: float) -> Iterator[str]:
    """Of what was declared a moment ago nobody can say whether it differs: only when it was changed."""
    for path in service.config_files:
        state = view.files.look(path)
        if state and view.known_good.get(path) is None:
            before = fault_at - max(state.mtime, state.ctime)
            changed = f"changed {before:.0f} s before the fault; " if 0 <= before < _RECENT_SECONDS else ""
            yield f"{path}: {changed}no good copy is known: it was not seen yet while all was well"


def _recently(view: View, path: str, service: Service, state: FileState, fault_at: float) -> Iterator[tuple[str, str]]:
    """A change may be the cause when it was read and the fault came soon; one that nothing has read yet is not."""
    changed_at = max(state.mtime, state.ctime)
    if is_unread(path, changed_at, service, view):
        yield "config.unread", "was changed, and not read since"
    elif fault_at - changed_at < _RECENT_SECONDS:
        yield "config.changed_recently", "changed shortly before the fault"
        if any(ran_well_with(view, unit, state) for unit in working_units(service, view)):
            yield "config.served", "it was started with it, and answered"


def _served_without(view: View, unit: Unit, path: str) -> bool:
    """Whether its last run began after the file was taken away, and has answered its probes: somebody gave it up in good order."""
    above = view.files.look(str(PurePosixPath(path).parent), follow=True)
    return above is not None and above.mtime <= unit.main_started_at < view.answered.get(unit.name, 0.0)


def _differences(view: View, good: GoodFile, state: FileState | None, service: Service, fault_at: float) -> Iterator[tuple[str, str]]:
    if state is None:
        if any(_served_without(view, unit, good.path) for unit in working_units(service, view)):
            yield "config.given_up", "does not exist; it was started without, and answered"
        else:
            yield "config.missing", "does not exist; a good copy is known"
        return
    if good.kind == "file" and state.kind == "file" and view.known_good.digest(good.path) != good.digest:
        changed = max(state.mtime, state.ctime)
        yield "config.changed", f"differs from the good copy; changed {fault_at - changed:.0f} s before the fault"
        if changed > good.loaded_at:
            yield from _recently(view, good.path, service, state, fault_at)
    if good.kind == "link" and (state.kind, state.link_target) != (good.kind, good.link_target):
        now = f"a link to {state.link_target}" if state.kind == "link" else f"a {state.kind}"
        yield "config.link", f"is {now}; it was a link to {good.link_target}"
        return
    if (state.uid, state.gid, state.mode) != (good.uid, good.gid, good.mode):
        yield (
            "config.owner_mode",
            f"owner {state.uid}:{state.gid} mode {state.mode:o}; it was {good.uid}:{good.gid} mode {good.mode:o} while all was well",
        )
