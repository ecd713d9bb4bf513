from collections.abc import Iterator
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, Usage, View, room
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.model import Case, Evidence

_TOLD = 5
_BARELY = 0.5
"""Percent: a file system that is reserved for root to its last block."""
_UNEXPLAINED = 0.2
"""Of what is used: less than this is the file system's own, and the limits of a quick look."""


@observation(early=False)
def disk_room(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What takes the room of a full file system: deleted files that are open, a log that grows, files beneath a mount, directories."""
    del config
    point = case.fault.target
    if case.fault.check != "disk_full" or not point.startswith("/") or view.mounts.of_path(point).may_hang:
        return
    usage = view.mounts.usage(point)
    facts: dict[str, str] = {}
    told = [f"{point}: {usage.used / 1e6:.0f} of {usage.total / 1e6:.0f} MB used, {usage.available / 1e6:.1f} MB left for users"]
    if reserved := _reserved(usage):
        facts["disk.reserved"] = reserved
        told.append(reserved)
    holders = room.held(view, point)
    if holders:
        facts["disk.held"] = f"{sum(holder.size for holder in holders) / 1e6:.0f} MB of deleted files are still open: {holders[0]}"
        told += [f"deleted and still open: {holder}" for holder in holders[:_TOLD]]
    found = room.writers(view, point)
    if found:
        facts["disk.writer"] = str(found[0])
        told += [f"written to without an end: {writer}" for writer in found[:_TOLD]]
    yield Evidence(source="disk_room", text=bounded("\n".join(told)), facts=facts)
    with suppress(Unavailable):
        yield _visible(view, point, usage, sum(holder.size for holder in holders))


def _reserved(usage: Usage) -> str:
    free = usage.total - usage.used
    if usage.available > usage.total * _BARELY / 100 or free < usage.total * _BARELY / 100:
        return ""
    return f"{free / 1e6:.0f} MB are free and reserved for root: ordinary users cannot write"


def _visible(view: View, point: str, usage: Usage, held: int) -> Evidence:
    """What a walk finds beneath the point, and beneath the mounts that cover some of it."""
    seen = view.mounts.takes_room(point)
    facts = {}
    told = [f"{entry.path}: {entry.size / 1e6:.1f} MB in {entry.files} files" for entry in seen.largest[:_TOLD]]
    covered = [
        entry for entry in seen.covered if entry.size >= _UNEXPLAINED * usage.used or entry.files >= _UNEXPLAINED * usage.inodes_used > 0
    ]
    if covered:
        names = ", ".join(f"{entry.path} ({entry.size / 1e6:.0f} MB in {entry.files} files)" for entry in covered[:_TOLD])
        facts["disk.hidden"] = names
        told.append(f"hidden beneath what is mounted over it: {names}")
    if seen.largest:
        facts["disk.largest"] = seen.largest[0].path
    missing = usage.used - held - seen.size - sum(entry.size for entry in seen.covered)
    if seen.complete and missing > _UNEXPLAINED * usage.used and usage.used > usage.total / 2:
        facts["disk.unexplained"] = f"{missing / 1e6:.0f} MB"
        told.append(f"{missing / 1e6:.0f} MB are in no file that can be seen, nor in one that is open")
    if not seen.complete:
        told.append("the look was cut short: there is more than it counts")
    return Evidence(source="disk_contents", text="\n".join(told) or "nothing of any size can be seen", facts=facts)
