from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import OpenFile, Unavailable, Unit, View, mount_options, places
from orchestrator.host.graph import mount_unit
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence

_TOLD = 5
_CHECKS = ("mount_wrong", "mount_stale", "kernel_messages")


@observation(early=True)
def mount_state(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What the kernel lists for a mount point, what is written down for it, and what happened in the directory beneath it meanwhile."""
    unit = _unit(view, case)
    if unit is None or not (point := unit.where or case.fault.target).startswith("/"):
        return
    mount, facts = view.mounts.of_path(point), {}
    wanted = mount_options.wanted(view, point)
    told = [f"{unit.name}: {unit.active_state}, from {unit.fragment_path or 'no file'}, options {','.join(wanted) or 'of nobody'}"]
    if wanted:
        facts["mount.declared"] = "writable" if "ro" not in wanted else "read-only"
    if mount.point == point and mount.read_only and (by_hand := view.by_hand.made_read_only(point)):
        facts["mount.by_hand"] = by_hand
    if mount.point == point:
        told.append(f"mounted: {mount.source} ({mount.fstype}) {','.join(mount.options)}")
    else:
        facts |= _missing(view, config, case, unit, point)
        told += ["not mounted", *facts.values()]
    yield Evidence(source="mount_state", text="\n".join(told), facts=facts)


def _unit(view: View, case: Case) -> Unit | None:
    target = case.fault.target
    if target.endswith(".mount"):
        return view.units.get(target)
    return view.units.get(mount_unit(target)) if case.fault.check in _CHECKS and target.startswith("/") else None


def _missing(view: View, config: Config, case: Case, unit: Unit, point: str) -> dict[str, str]:
    """Nothing is mounted: whether that could be, what was written beneath instead, and who is at work there."""
    facts = {}
    if unit.what.startswith("/") and view.files.look(unit.what, follow=True) is None:
        facts["mount.source_missing"] = unit.what
    if names := view.files.entries(point, 100):
        facts["mount.strays"] = f"{len(names)} entries lie in {point} itself: {', '.join(names[:_TOLD])}"
    held, unseen = _at_work(view, case, point)
    data = {name: [file.path for file in files if file.reads] for name, files in held.items()}
    declared = [name for name in held if config.service_of(name) and not data[name]]
    if risky := [f"{name} ({', '.join(data[name][:_TOLD]) or 'not declared'})" for name in held if name not in declared] + unseen:
        facts["mount.held_data"] = ", ".join(risky)
    elif held:
        facts["mount.held"] = ", ".join(held)
    if "mount.strays" in facts:
        facts["review.mount"] = f"{facts['mount.strays']}; the mount hides them, so look whether they are missed above"
    return facts


def _at_work(view: View, case: Case, point: str) -> tuple[dict[str, tuple[OpenFile, ...]], list[str]]:
    """What each unit above has in hand there, and of whom nobody tells it: that may be data."""
    held, unseen = {}, []
    for name in case.scope.above:
        try:
            if files := places.at_work_beneath(view, view.units.get(name), point):
                held[name] = files
        except Unavailable as trouble:
            unseen.append(f"{name} ({trouble})")
    return held, unseen
