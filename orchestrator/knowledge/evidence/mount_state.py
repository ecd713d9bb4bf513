from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View, mount_options
from orchestrator.host.graph import mount_unit
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence

_TOLD = 5


@observation(early=True)
def mount_state(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What the kernel lists for a mount point, what its unit wants, and what was written into the directory beneath it meanwhile."""
    del config
    target = case.fault.target
    if not target.endswith(".mount") and case.fault.check not in ("mount_wrong", "mount_stale", "kernel_messages"):
        return
    unit = view.units.get(target if target.endswith(".mount") else mount_unit(target) if target.startswith("/") else "none.mount")
    point = unit.where or (target if target.startswith("/") else "")
    if not point:
        return
    mount, facts = view.mounts.of_path(point), {}
    wanted = mount_options.wanted(view, point)
    told = [f"{unit.name}: {unit.active_state}, from {unit.fragment_path or 'no file'}, options {','.join(wanted) or 'of nobody'}"]
    if wanted:
        facts["mount.declared"] = "writable" if "ro" not in wanted else "read-only"
    if mount.point == point:
        told.append(f"mounted: {mount.source} ({mount.fstype}) {','.join(mount.options)}")
    elif names := view.files.entries(point, 100):
        facts["mount.strays"] = f"{len(names)} entries lie in the directory beneath: {', '.join(names[:_TOLD])}"
        told.append(f"not mounted; {facts['mount.strays']}")
    else:
        told.append("not mounted; the directory beneath is empty")
    yield Evidence(source="mount_state", text="\n".join(told), facts=facts)
