from collections.abc import Iterator

from orchestrator.checks.kernel_messages import HOST, process_of, was_mounted
from orchestrator.config import Config
from orchestrator.host import KernelEvent, View
from orchestrator.host.kernel_log import in_container
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.model import Case, Evidence, is_unit
from orchestrator.roots import EVERYBODYS_SECONDS, points_of

_TOLD = 20
_AT_THE_SAME_TIME_SECONDS = 5.0


@observation(early=True)
def kernel_says(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What the kernel itself said in the last hour of what the incident stands on: file systems, processes, control groups."""
    target = case.fault.target
    points = (target,) if target.startswith("/") else points_of(target, view, config) if target != HOST else ()
    facts: dict[str, str] = {}
    events: list[KernelEvent] = []
    for point in points:
        mount = view.mounts.of_path(point)
        found = view.kernel_log.of_mount(mount, *((EVERYBODYS_SECONDS,) if point == "/" and target != "/" else ()))
        for event in found:
            if was_mounted(view, mount, event.at):
                events.append(event)
                if event.danger:
                    facts["danger.device"] = f"{point}: {event.kind.means}: {event.message}"
    events += [event for event in view.kernel_log.events() if event.kind.about != "device" and _concerns(view, target, event)]
    facts.update({f"kernel.{event.kind.name.replace('-', '_')}": event.message for event in events})
    lines = [event.message for event in sorted(events, key=lambda event: event.at)][-_TOLD:]
    lost = f"\n({view.kernel_log.loses})" if view.kernel_log.loses else ""
    yield Evidence(source="kernel_says", text=bounded("\n".join(lines) or "nothing of what this stands on") + lost, facts=facts)


def _concerns(view: View, target: str, event: KernelEvent) -> bool:
    if target == HOST:
        return event.kind.about == "host"
    if not is_unit(target):
        return False
    if "group" in event.names:
        return target in event.names["group"].split("/") and (not in_container() or _ended_then(view, target, event))
    process = process_of(view, event)
    return process is not None and process.unit == target


def _ended_then(view: View, unit: str, event: KernelEvent) -> bool:
    """Another container may have a unit of the same name, and the kernel's names of groups do not tell whose it is."""
    return abs(view.units.get(unit).changed_at - event.at) < _AT_THE_SAME_TIME_SECONDS
