"""What somebody asks about outside of the loop, as a case: the whole host, one unit, or an incident. Reads only, and stores nothing."""

import os
import time
from collections.abc import Iterator, Sequence

from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.candidates import candidates
from orchestrator.knowledge.evidence import gather
from orchestrator.model import Case, Evidence, Fault, Incident, Scope
from orchestrator.scopes import scope_of

CHECK = "question"
HOST, FAILED = "host", "failed units"
WHOLE_HOST = "/"
"""The target of who asks about nothing in particular: what it stands on."""
_NAMED, _MOUNTS = 40, 12


def of_target(target: str, view: View, config: Config, deadline: float) -> Case:
    """The whole host, a unit or a declared service, as it is now."""
    fault = Fault(check=CHECK, target=target, reason="Asked", message="an operator asks about it")
    try:
        scope = scope_of(fault, view, config)
    except Unavailable:
        scope = Scope(target=target)
    bare = Case(incident=Incident(id=0, fault=fault, detected_at=view.now()), scope=scope)
    found = gather(view, config, bare, early_only=False, deadline=deadline)
    case = _with(bare, (*found, *_host(view)))
    return case if target == WHOLE_HOST else case.model_copy(update={"candidates": candidates(case, view, config)})


def of_incident(case: Case, view: View, config: Config) -> Case:
    """With what was seen of it; what could be done is as of now."""
    seen = _with(case, tuple(_host(view)))
    return seen.model_copy(update={"candidates": candidates(seen, view, config)})


def _with(case: Case, found: Sequence[Evidence]) -> Case:
    """Numbered after what is there: such a number is cited in the answer alone, and is no row's."""
    first = max((item.id for item in case.evidence), default=0) + 1
    numbered = (item.model_copy(update={"id": number}) for number, item in enumerate(found, first))
    return case.model_copy(update={"evidence": (*case.evidence, *numbered)})


def _host(view: View) -> Iterator[Evidence]:
    """Load, memory, room, and what systemd says has failed."""
    memory = view.kernel.memory()
    told = [
        f"up for {(time.time() - view.kernel.started_at()) / 3600:.1f} h",
        "load: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()) + f" on {os.cpu_count()} CPUs",
        f"memory: {memory.available >> 20} MiB of {memory.total >> 20} MiB available",
        *(f"{point}: {percent:.0f} % of space used" for point, percent in _room(view)),
    ]
    yield Evidence(source=HOST, text="\n".join(told))
    try:
        failed = [line.name for line in view.units.failed()]
    except Unavailable as trouble:
        yield Evidence(source=FAILED, text=f"could not be read: {trouble}")
        return
    more = [f"and {len(failed) - _NAMED} more"] if len(failed) > _NAMED else []
    yield Evidence(source=FAILED, text="\n".join([*(f"{name} failed" for name in failed[:_NAMED]), *more]) or "no unit has failed")


def _room(view: View) -> Iterator[tuple[str, float]]:
    """Of each file system once, as it is mounted first; one that hangs has no number."""
    disks = {mount.device: mount.point for mount in reversed(view.mounts.list()) if mount.source.startswith("/dev/")}
    for point in sorted(disks.values())[:_MOUNTS]:
        try:
            yield point, view.mounts.usage(point).used_percent
        except Unavailable:
            continue
