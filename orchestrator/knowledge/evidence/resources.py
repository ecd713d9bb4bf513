from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, Unit, View, places
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit
from orchestrator.roots import EVERYBODY_WRITES, FULL_PERCENT, points_of

_LOW_MEMORY = 0.03
_BUSY_PERCENT = 80.0
"""PSI: tasks waited for a CPU in so much of the last 10 s: slow answers mean load, not death."""
_WAITS_TOO_PERCENT = 10.0
"""The same of the service's own tasks. One that hangs, or was stopped, waits for no CPU, however busy the host is."""


@observation(early=True)
def resources(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Room where the service writes, memory, and load."""
    unit = view.units.get(case.fault.target) if is_unit(case.fault.target) else Unit(name="none.service")
    facts: dict[str, str] = {}
    told: list[str] = []
    service = config.service_of(case.fault.target)
    writes = {view.mounts.of_path(path).point for path in (*EVERYBODY_WRITES, *places.written(unit, service))}
    turned = {mount.point for mount in view.mounts.turned_read_only()}
    for point in points_of(case.fault.target, view, config):
        usage = view.mounts.usage(point)
        told.append(f"{point}: {usage.used_percent:.0f} % of space, {usage.inodes_percent:.0f} % of inodes used")
        if max(usage.used_percent, usage.inodes_percent) >= FULL_PERCENT:
            facts["disk.full"] = point
        if point in turned or (point in writes and view.mounts.of_path(point).read_only):
            facts["disk.read_only"] = point
    memory = view.kernel.memory()
    told.append(f"memory: {memory.available >> 20} MiB of {memory.total >> 20} MiB available")
    if memory.available < _LOW_MEMORY * memory.total:
        facts["memory.low"] = "yes"
    with suppress(Unavailable):
        pressure = view.kernel.pressure("cpu")
        told.append(f"cpu pressure: {pressure.some10:.0f} % of the last 10 s")
        if pressure.some10 >= _BUSY_PERCENT and _waits_too(view, unit):
            facts["cpu.busy"] = "yes"
    if unit.control_group and unit.running:
        states = sorted({process.state for process in view.processes.in_cgroup(unit.control_group)})
        told.append(f"process states: {' '.join(states)}")
        facts.update(
            {f"process.{name}": "yes" for state, name in (("T", "stopped"), ("D", "uninterruptible"), ("Z", "zombie")) if state in states}
        )
    yield Evidence(source="resources", text="\n".join(told), facts=facts)


def _waits_too(view: View, unit: Unit) -> bool:
    """Whether the unit's own tasks want the CPU that others use; taken for granted where the kernel does not count by group."""
    own = view.groups.pressure(unit.control_group, "cpu") if unit.control_group and unit.running else None
    return own is None or own.some10 >= _WAITS_TOO_PERCENT
