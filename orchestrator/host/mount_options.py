"""What fstab or a mount's own unit says of it. The kernel tells only what is, and systemd what it read last."""

from collections.abc import Iterator

from orchestrator.host.errors import Unavailable
from orchestrator.host.graph import mount_unit
from orchestrator.host.mounts import plain
from orchestrator.host.view import View

_UNIT_BYTES = 64 << 10
_FSTAB = "/etc/fstab"


def wanted(view: View, point: str) -> tuple[str, ...]:
    """The options that are written down for a mount point, `defaults` where none are; nothing where nobody describes it."""
    unit = view.units.get(mount_unit(point))
    if not unit.fragment_path:
        return ()
    try:
        if unit.source_path == _FSTAB:
            return _split(next((options for where, options in _lines(_read(view, _FSTAB)) if where == point), ""))
        found = [value for path in (unit.fragment_path, *unit.drop_ins) for value in _values(_read(view, path))]
    except Unavailable:
        return ()
    return _split(found[-1] if found and found[-1] else "defaults")


def _read(view: View, path: str) -> str:
    return view.files.read(path, _UNIT_BYTES).decode(errors="replace")


def _split(options: str) -> tuple[str, ...]:
    return tuple(option for option in options.split(",") if option)


def _values(unit_file: str) -> Iterator[str]:
    for line in unit_file.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "Options":
            yield value.strip()


def _lines(fstab: str) -> Iterator[tuple[str, str]]:
    """fstab(5): device, point, type, options. An administrator's edit counts before systemd has read it."""
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) >= 3 and not fields[0].startswith("#"):
            yield plain(fields[1]).rstrip("/") or "/", fields[3] if len(fields) > 3 else "defaults"
