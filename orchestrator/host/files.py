"""Files as they are: looked at, never followed where a link would lie. Nothing here changes anything."""

from dataclasses import dataclass

from orchestrator.host.mounts import Mounts


@dataclass(frozen=True, slots=True)
class FileState:
    kind: str
    """file, dir, link, socket, fifo or other."""
    uid: int
    gid: int
    mode: int
    """Permission bits alone, 0o7777."""
    size: int
    mtime: float
    ctime: float
    inode: int
    device: int
    link_target: str = ""


class Files:
    """Raises Unavailable when a path cannot be asked about (a mount that hangs, no permission); absence is an answer."""

    def __init__(self, mounts: Mounts) -> None:
        raise NotImplementedError

    def look(self, path: str) -> FileState | None:
        """The file itself, a link as a link; None when there is none."""
        raise NotImplementedError

    def digest(self, path: str) -> str:
        """SHA-256 in hex of a regular file's content (links followed); empty when there is no such file."""
        raise NotImplementedError

    def read(self, path: str, cap: int = 1 << 20) -> bytes:
        """The first `cap` bytes of a regular file (links followed). Raises Unavailable when there is none to read."""
        raise NotImplementedError

    def entries(self, path: str, cap: int = 1000) -> tuple[str, ...]:
        """The names in a directory, sorted, at most `cap`; empty when there is no such directory."""
        raise NotImplementedError

    def lock_holder(self, path: str) -> int | None:
        """The pid that holds a real lock (fcntl or flock) on the file; a file without one is no lock."""
        raise NotImplementedError
