"""What ran here while all was well."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from orchestrator.model import Json

if TYPE_CHECKING:
    from orchestrator.host.view import View


@dataclass(frozen=True, slots=True)
class Baseline:
    """A frozen value; the store keeps it as JSON. Empty until the host was seen well once."""

    active: frozenset[str] = field(default_factory=frozenset)
    """Units that were active."""
    enabled: frozenset[str] = field(default_factory=frozenset)
    """Units that the boot starts."""
    mounts: frozenset[str] = field(default_factory=frozenset)
    """Mount points."""
    listeners: frozenset[str] = field(default_factory=frozenset)
    """`tcp:80`, `unix:/run/x.sock`."""
    timers: frozenset[str] = field(default_factory=frozenset)
    """Timers that were waiting to fire."""
    read_at: float = 0.0

    @classmethod
    def read(cls, view: "View") -> Self:
        """Raises Unavailable."""
        raise NotImplementedError

    def merged(self, newer: Self) -> Self:
        """Both together, as of the newer one."""
        raise NotImplementedError

    def to_json(self) -> Json:
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """An unknown or missing key is no error: an older daemon wrote it, or a newer one."""
        raise NotImplementedError
