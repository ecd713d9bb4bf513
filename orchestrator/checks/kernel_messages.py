"""What the kernel says of devices, file systems, tasks and tables. Nothing of it is healed by force: a person hears it in its words."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import KernelEvent, Mount, Unavailable, View
from orchestrator.host.graph import mount_unit
from orchestrator.host.kernel_log import block_names, in_container
from orchestrator.model import Fault, Severity

HOST = "kernel"
"""The target of what concerns no file system and no unit."""


@check(deadline=15)
def kernel_messages(view: View, config: Config) -> Iterator[Fault]:
    """The kernel reported an error of a device, a file system, a task or a table of its own in the last hour."""
    del config
    found: dict[str, Fault] = {}
    for event in view.kernel_log.events():  # oldest first: what came first is nearest to the cause
        if event.kind.fault and (target := _target(view, event)) and target not in found:
            found[target] = Fault(
                check="kernel_messages",
                target=target,
                reason=event.kind.reason,
                message=f"{target}: {event.kind.means}. The kernel says: {event.message}",
                severity=Severity(event.kind.severity),
                facts={"kernel.kind": event.kind.name},
            )
    yield from found.values()


def _target(view: View, event: KernelEvent) -> str:
    """What of this host the line is about; empty where it is about nothing of ours."""
    match event.kind.about:
        case "device":
            mount = next((mount for mount in view.mounts.list() if event.names.get("device") in block_names(mount.device)), None)
            return mount.point if mount and was_mounted(view, mount, event.at) else ""
        case "process":
            process = view.processes.get(int(event.names["pid"])) if "pid" in event.names else None
            hangs = process is not None and process.comm == event.names.get("comm") and process.state == "D"
            return (process.unit or HOST) if process and hangs else ""
        case _:
            return "" if in_container() else HOST


def was_mounted(view: View, mount: Mount, at: float) -> bool:
    """Whether the mount is older than the line: a device's name is given again, and what was said of its last bearer is past."""
    try:
        return view.units.get(mount_unit(mount.point)).active_enter_at <= at
    except Unavailable:
        return True
