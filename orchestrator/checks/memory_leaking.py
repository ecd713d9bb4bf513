"""A declared service whose memory grows and grows, and is about to meet its limit: the kernel would end it in the middle of something."""

import time
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.groups import Room
from orchestrator.model import Fault, Severity

_NEAR = 0.85
"""Of the limit. A service that was given just what it needs stays there and does not grow: that is no leak."""
_LEAST_GROWTH = 0.2
_SOON_SECONDS = 1800.0
_MIB = 1 << 20
_HOST = "the host"


@check(every=60)
def memory_leaking(view: View, config: Config) -> Iterator[Fault]:
    """A declared service whose memory grows without end and is nearly at its limit."""
    host = _host_room(view)
    for service in config.service:
        group = view.groups.of_unit(service.unit) if service.unit else ""
        pids = view.processes.pids_in(group)
        if not pids:
            continue
        used = view.groups.memory(group)
        held = view.processes.own_memory(pids) if used is None else used
        trend = view.trends.note(f"memory:{service.unit}", f"{min(pids)}", held, time.monotonic())
        room = max(filter(None, (view.groups.memory_room(group), host)), key=lambda one: one.share)
        left = room.limit - room.used
        if room.share < _NEAR or not trend.rises(_LEAST_GROWTH * room.limit) or trend.seconds_until(held + left) > _SOON_SECONDS:
            continue
        yield Fault(
            check="memory_leaking",
            target=service.target,
            reason="LeakingMemory",
            message=f"the memory of {service.name} grew by {trend.grown / _MIB:.0f} MiB in {trend.span:.0f} s and does not level off; "
            f"{room.group} uses {room.used / _MIB:.0f} of {room.limit / _MIB:.0f} MiB",
            severity=Severity.WARNING,
            facts={"limit": "the host's" if room.group == _HOST else "its own"},
        )


def _host_room(view: View) -> Room:
    memory = view.kernel.memory()
    return Room(memory.total - memory.available, memory.total, _HOST)
