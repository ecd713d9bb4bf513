"""What a mount's own unit says of it: fstab's lines are units too, which systemd's generator writes. The kernel tells only what is."""

from collections.abc import Iterator

from orchestrator.host.errors import Unavailable
from orchestrator.host.graph import mount_unit
from orchestrator.host.view import View

_UNIT_BYTES = 64 << 10


def wanted(view: View, point: str) -> tuple[str, ...]:
    """The options that the unit of a mount point asks for, `defaults` where it asks for none; nothing where no file describes it."""
    unit = view.units.get(mount_unit(point))
    if not unit.fragment_path:
        return ()
    options = "defaults"
    for path in (unit.fragment_path, *unit.drop_ins):
        try:
            text = view.files.read(path, _UNIT_BYTES).decode(errors="replace")
        except Unavailable:
            return ()
        options = next(reversed(list(_values(text))), options)
    return tuple(option for option in options.split(",") if option) or ("defaults",)


def _values(text: str) -> Iterator[str]:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "Options":
            yield value.strip()
