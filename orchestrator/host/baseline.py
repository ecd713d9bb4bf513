"""What ran here while all was well."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orchestrator.host.errors import NoRight, Unavailable
from orchestrator.host.sockets import Listener
from orchestrator.model import Json, is_unit

if TYPE_CHECKING:
    from orchestrator.host.view import View

_LIMIT = 5000
_UNMISSED = (".device", ".scope", ".slice")
"""A host may have thousands of these."""
_RESCUING = ("ext2", "ext3", "ext4")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A frozen value; the store keeps it as JSON. Empty until the host was seen well once."""

    active: frozenset[str] = field(default_factory=frozenset)
    """Units that were active; those that come and go (devices, scopes, transient mounts) too."""
    enabled: frozenset[str] = field(default_factory=frozenset)
    """Units that the boot starts."""
    mounts: frozenset[str] = field(default_factory=frozenset)
    """Mount points."""
    listeners: frozenset[str] = field(default_factory=frozenset)
    """As `tcp:80` and `unix:/run/x.sock`."""
    rescued: frozenset[str] = field(default_factory=frozenset)
    """The lost+found directories that held something: a check of their file systems put it there."""
    timers: frozenset[str] = field(default_factory=frozenset)
    """Timers that were waiting to fire."""
    read_at: float = 0.0
    """When it was read first; 0.0 is never."""

    @classmethod
    def read(cls, view: "View") -> Self:
        """Raises Unavailable."""
        active = [line for line in view.units.list() if line.active_state == "active"]
        return cls(
            active=_bounded(line.name for line in active),
            enabled=_bounded(enabled_units(view.manager.wanted_beneath)),
            mounts=_bounded(mount.point for mount in view.mounts.list()),
            rescued=_bounded(path for path in lost_and_found(view) if _holds_any(view, path)),
            listeners=_bounded(listener_name(listener) for listener in view.sockets.listeners()),
            timers=_bounded(line.name for line in active if line.name.endswith(".timer")),
            read_at=view.now(),
        )

    def merged(self, newer: Self) -> Self:
        """Both together, as of the newer one; what is enabled now is what the newer one says."""
        return type(self)(
            active=self.active | newer.active,
            enabled=newer.enabled,
            mounts=self.mounts | newer.mounts,
            rescued=self.rescued | newer.rescued,
            listeners=self.listeners | newer.listeners,
            timers=self.timers | newer.timers,
            read_at=max(self.read_at, newer.read_at),
        )

    def missing(self, before: Self, wrong: frozenset[str]) -> Self:
        """With what was there before, and is what somebody has in hand as wrong now: forgotten it would be right again.

        What a check of a file system rescued may belong to any of that.
        """
        return replace(
            self,
            active=self.active | (before.active & wrong),
            mounts=self.mounts | (before.mounts & wrong),
            rescued=before.rescued if wrong and before.read_at else self.rescued,
        )

    def to_json(self) -> Json:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """An unknown or missing key is no error: an older daemon wrote it, or a newer one."""
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        values: dict[str, Any] = {name: _bounded(value) if isinstance(value, list) else value for name, value in known.items()}
        return cls(**values)


def enabled_units(directory: Path) -> Iterator[str]:
    """What stands in the `*.wants` and `*.requires` directories: that is what enabled means.

    Asking systemd (ListUnitFiles) would block it for 0.4-2 s.
    """
    for pattern in ("*.wants/*", "*.requires/*"):
        yield from (path.name for path in directory.glob(pattern) if is_unit(path.name))


def lost_and_found(view: "View") -> Iterator[str]:
    """Where ext file systems keep what a check found without a name."""
    yield from dict.fromkeys(f"{mount.point.rstrip('/')}/lost+found" for mount in view.mounts.list() if mount.fstype in _RESCUING)


def rescued_in(view: "View", path: str) -> tuple[str, ...]:
    """Its entries. Raises Unavailable."""
    return view.files.entries(path, _LIMIT)


def _holds_any(view: "View", path: str) -> bool:
    """One that may not be read now may hold something already: nobody could say later that it came since."""
    try:
        return bool(rescued_in(view, path))
    except NoRight:
        return True
    except Unavailable:
        return False


def listener_name(listener: Listener) -> str:
    """How a listener is called across restarts: by what its clients know."""
    return f"unix:{listener.path}" if listener.protocol == "unix" else f"tcp:{listener.port}"


def _bounded(names: Iterable[Any]) -> frozenset[str]:
    """Of too many those that somebody may miss."""
    return frozenset(sorted({str(name) for name in names}, key=lambda name: (name.endswith(_UNMISSED), name))[:_LIMIT])
