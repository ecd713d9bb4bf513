"""Mounts and how full they are. A mount that hangs is never waited for."""

from dataclasses import dataclass

from orchestrator.host.helper import Helper


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    point: str
    fstype: str
    options: tuple[str, ...]
    device: str = ""
    """major:minor, as in mountinfo."""
    root: str = "/"
    """Which directory of the file system is mounted: not `/` for a bind mount."""

    @property
    def read_only(self) -> bool:
        """By its options, of the mount or of its file system. ext4 after errors may still say rw with `emergency_ro`."""
        return "ro" in self.options or "emergency_ro" in self.options


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and inodes. `used_percent` as df(1): used of what ordinary users may use."""

    total: int
    used: int
    available: int
    inodes: int
    inodes_used: int

    @property
    def used_percent(self) -> float:
        usable = self.used + self.available
        return 100.0 * self.used / usable if usable else 0.0

    @property
    def inodes_percent(self) -> float:
        """0.0 where the file system has no fixed number of inodes (btrfs)."""
        return 100.0 * self.inodes_used / self.inodes if self.inodes else 0.0


class Mounts:
    def __init__(self, helper: Helper) -> None:
        raise NotImplementedError

    def list(self) -> tuple[Mount, ...]:
        """In the order of mountinfo: a later mount on the same point covers an earlier one."""
        raise NotImplementedError

    def usage(self, point: str) -> Usage:
        """Raises Unavailable when the mount does not answer in time, and at once while an earlier question still hangs."""
        raise NotImplementedError

    def of_path(self, path: str) -> Mount:
        """The mount that an absolute path lies on, by its spelling: no link is followed, nothing is touched."""
        raise NotImplementedError

    def hanging(self) -> tuple[str, ...]:
        """The points that did not answer and have not answered since."""
        raise NotImplementedError
