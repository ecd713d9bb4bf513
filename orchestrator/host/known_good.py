"""Last known good copies of files: content, owner and mode as they were while a service that had loaded them was healthy."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.files import FileState


@dataclass(frozen=True, slots=True)
class GoodFile:
    path: str
    kind: str
    """file, dir (owner and mode alone) or link."""
    digest: str
    """SHA-256 in hex of the content; empty for a directory or a link."""
    uid: int
    gid: int
    mode: int
    size: int
    loaded_at: float
    remembered_at: float
    link_target: str = ""


class KnownGood:
    """Files beneath `directory` (0700): contents by digest (0600), one JSON a path. Nothing is created before the first `put`."""

    def __init__(self, directory: Path) -> None:
        raise NotImplementedError

    def get(self, path: str) -> GoodFile | None:
        raise NotImplementedError

    def history(self, path: str) -> tuple[GoodFile, ...]:
        """Up to 5 good versions, newest first; the first is what `get` gives."""
        raise NotImplementedError

    def content(self, path: str, digest: str = "") -> bytes:
        """The remembered content (of the newest version, or of the one named). Raises Unavailable when it is not there or damaged."""
        raise NotImplementedError

    def put(self, path: str, content: bytes, state: FileState, loaded_at: float) -> GoodFile:
        """Remember a version. The same content, owner and mode again is no new version. Raises Unavailable beyond the caps."""
        raise NotImplementedError

    def paths(self) -> tuple[str, ...]:
        raise NotImplementedError
