"""What the kernel says of devices, file systems, tasks and tables. Nothing of it is healed by force: a person hears it in its words."""

from collections.abc import Callable, Iterator
from functools import cache

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import KernelEvent, Mount, Process, Unavailable, View
from orchestrator.host.blocked import stuck_in_kernel
from orchestrator.host.graph import mount_unit
from orchestrator.host.kernel_log import device_names, in_container
from orchestrator.model import Fault, Severity

_BOOT_SECONDS = 300.0
HOST = "kernel"
"""The target of what concerns no file system and no unit."""


@check(deadline=15, whole_host=True)
def kernel_messages(view: View, config: Config) -> Iterator[Fault]:
    """The kernel reported an error of a device, a file system, a task or a table of its own in the last hour."""
    del config
    found: dict[str, Fault] = {}
    mounted = _mounted(view)
    for event in view.kernel_log.events():  # oldest first: what came first is nearest to the cause
        teller = "A program wrote into the kernel's log" if event.written else "The kernel says"
        if event.kind.fault and (target := _target(view, event, mounted)) and target not in found:
            found[target] = Fault(
                check="kernel_messages",
                target=target,
                reason=event.kind.reason,
                message=f"{target}: {event.kind.means}. {teller}: {event.message}",
                severity=Severity(event.kind.severity),
                facts={"kernel.kind": event.kind.name},
            )
    yield from found.values()


def _mounted(view: View) -> Callable[[str], tuple[str, float]]:
    """Where a device is mounted, and since when: asked once for each in one look, since a dying disk fills the log."""

    @cache
    def of_device(name: str) -> tuple[str, float]:
        mount = next((mount for mount in view.mounts.list() if name in device_names(mount)), None)
        return (mount.point, mounted_at(view, mount)) if mount else ("", 0.0)

    return of_device


def _target(view: View, event: KernelEvent, mounted: Callable[[str], tuple[str, float]]) -> str:
    """What of this host the line is about; empty where it is about nothing of ours."""
    match event.kind.about:
        case "device":
            point, since = mounted(event.names.get("device", ""))
            return point if since <= event.at else ""
        case "process":
            process = process_of(view, event)
            return (process.unit or HOST) if process and event.names.get("comm") in stuck_in_kernel(process.pid) else ""
        case _:
            return "" if in_container() or _is_older_than_us(view, event) else HOST


def _is_older_than_us(view: View, event: KernelEvent) -> bool:
    """Whether the host began long after its kernel, and this was said before: then it was said to others."""
    began = view.kernel.init_started_at()
    return began > view.kernel.started_at() + _BOOT_SECONDS and event.at < began


def process_of(view: View, event: KernelEvent) -> Process | None:
    """The process that a line names, if it is one of this host's and lives. A container counts its processes otherwise than the kernel."""
    pid, comm = int(event.names.get("pid", "0")), event.names.get("comm")
    if not in_container():
        process = view.processes.get(pid)
        return process if process and process.comm == comm else None
    alike = [process for process in view.processes.all() if process.comm == comm and process.started_at <= event.at]
    return next((process for process in alike if stuck_in_kernel(process.pid)), None)


def was_mounted(view: View, mount: Mount, at: float) -> bool:
    """Whether the mount is older than the line: a device's name is given again, and what was said of its last bearer is past."""
    return mounted_at(view, mount) <= at


def mounted_at(view: View, mount: Mount) -> float:
    """By systemd's word; 0.0 where it does not say."""
    try:
        return view.units.get(mount_unit(mount.point)).active_enter_at
    except Unavailable:
        return 0.0
