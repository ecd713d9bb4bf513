"""Mounts and how full they are. A mount that hangs is never waited for."""

import errno
import os
import re
import select
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.host import helper_child
from orchestrator.host.errors import Late, NoRight, Unavailable
from orchestrator.host.helper import ASK_SECONDS, Helper
from orchestrator.host.rights import Own, Rights

_MOUNTINFO = "/proc/self/mountinfo"
_OF_THE_HOST = "/proc/1/mountinfo"
_MOUNTS = 5000
_WALKED = 200_000
"""Entries, and seconds: what a walk may take."""
_WALK_SECONDS = 4.0
_COVERED = 50
REFUSED = (errno.EACCES, errno.EPERM)
"""What the kernel says to a user: whoever has more rights may be asked."""
_NOBODY = {errno.ENOTCONN: "dead", errno.ECONNABORTED: "dead", errno.ESTALE: "stale"}
_LINKS = 40  # as the kernel's own limit (path_resolution(7))
_LOCAL = frozenset((
    "bcachefs", "binfmt_misc", "bpf", "btrfs", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "erofs",
    "exfat", "ext2", "ext3", "ext4", "f2fs", "fusectl", "hugetlbfs", "iso9660", "jfs", "mqueue", "nilfs2", "nsfs", "overlay", "proc",
    "pstore", "ramfs", "reiserfs", "romfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs", "udf",
    "vfat", "xfs", "zfs",
))  # fmt: skip
"""File systems that this kernel answers for by itself. Every other one (nfs, cifs, fuse.*, ceph, autofs, unknown) may hang."""


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    point: str
    fstype: str
    options: tuple[str, ...]
    """Of the mount, then of its file system."""
    device: str = ""
    """As in mountinfo: major:minor."""
    root: str = "/"
    """Which directory of the file system is mounted: not `/` for a bind mount."""

    @property
    def read_only(self) -> bool:
        """By its options, of the mount or of its file system; ext4 after errors says `rw` and `emergency_ro`."""
        return "ro" in self.options or self.by_kernel

    @property
    def by_kernel(self) -> bool:
        """The kernel itself forbids to write after errors."""
        return "emergency_ro" in self.options

    @property
    def may_hang(self) -> bool:
        """Another host or another process answers for it."""
        return self.fstype not in _LOCAL


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and inodes."""

    total: int
    used: int
    available: int
    """What an ordinary user may still use."""
    inodes: int
    inodes_used: int

    @property
    def used_percent(self) -> float:
        """As df(1): used, of what ordinary users may use."""
        usable = self.used + self.available
        return 100.0 * self.used / usable if usable else 0.0

    @property
    def inodes_percent(self) -> float:
        """0.0 where the file system has no fixed number of inodes (btrfs)."""
        return 100.0 * self.inodes_used / self.inodes if self.inodes else 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What one directory (or file) of a file system takes."""

    path: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bounded walk found on a file system."""

    largest: tuple[Taken, ...]
    """The first directories beneath the mount point, the largest first, without what other mounts cover."""
    covered: tuple[Taken, ...]
    """What lies beneath the points of other mounts upon it, where nobody sees it."""
    complete: bool
    """Nothing was left out for want of time."""

    @property
    def size(self) -> int:
        """Bytes in files that can be seen."""
        return sum(entry.size for entry in self.largest)


class Mounts:
    """Thread-safe."""

    def __init__(self, helper: Helper, rights: Rights | None = None) -> None:
        self._helper, self._rights = helper, rights or Own()
        self._lock = threading.Lock()
        self._table: _Table | None = None
        self._closed = False
        self._dead: dict[str, str] = {}

    def list(self) -> tuple[Mount, ...]:
        """In the order of mountinfo: a later mount on the same point covers an earlier one."""
        return self._current().mounts

    def usage(self, point: str) -> Usage:
        """Raises Unavailable when there is none, or it does not answer in time; at once while an earlier question hangs."""
        said = self.ask("usage", point)
        if self._is_shut(point, said):
            if standing := self._rights.ask("standing", path=point):
                raise Unavailable(f"{point} cannot be asked: it {'hangs' if standing == 'hangs' else f'is {standing}'}")
            said = self._rights.ask("usage", path=point)
        return Usage(*said)

    def _is_shut(self, point: str, usage: Sequence[int]) -> bool:
        """To whom its owner did not let in, the kernel itself answers for a FUSE mount: with nothing at all, and at once."""
        return os.geteuid() != 0 and not any(usage) and self.of_path(point).fstype.startswith("fuse")

    def of_path(self, path: str) -> Mount:
        """The mount that an absolute path lies on, by its spelling: no link is followed, nothing is touched."""
        by_point = self._current().by_point
        here = os.path.normpath("/" + path.lstrip("/"))  # of two leading slashes normpath keeps both
        while here not in by_point:
            if here == "/":
                raise Unavailable("there is no root mount in mountinfo")
            here = os.path.dirname(here)  # noqa: PTH120  # lexical, and often
        return by_point[here]

    def takes_room(self, point: str) -> Contents:
        """Walk a local file system for some seconds, in a child: what takes its room, also where other mounts cover it."""
        mount = self.of_path(point)
        if mount.may_hang or mount.point != point:
            raise Unavailable(f"{point} is not walked")
        upon = [other.point for other in self.list() if other.point != point and self._parent(other.point) == point]
        covered = [os.path.relpath(other, point) for other in upon][:_COVERED]
        more: dict[str, Any] = {"covered": covered, "entries": _WALKED, "seconds": _WALK_SECONDS}
        try:
            said = self._helper.ask("takes_room", point, 2 * _WALK_SECONDS, about=f"the walk of {point}", **more)
        except OSError as error:
            said = self.instead(error, "takes_room", point)

        def taken(rows: list[list[Any]]) -> tuple[Taken, ...]:
            found = (Taken(os.path.join(point, name), size, files) for name, size, files in rows)  # noqa: PTH118  # lexical
            return tuple(sorted(found, key=lambda one: -one.size))

        return Contents(taken(said["entries"]), taken(said["covered"]), said["complete"])

    def _parent(self, point: str) -> str:
        return self.of_path(os.path.dirname(point)).point  # noqa: PTH120  # lexical

    def turned_read_only(self) -> tuple[Mount, ...]:
        """The mounts that are read-only, and were writable earlier while this process looked: somebody or something did that."""
        table = self._current()
        return tuple(mount for mount in table.mounts if mount.read_only and (mount.device, mount.point) in table.writable)

    def standing(self, point: str) -> str:
        """Whether a mount that another host or process answers for still has somebody behind it: empty where it has.

        `dead`: its server process ended (FUSE); `stale`: its server does not know it any more (NFS); `hangs`: no answer.
        """
        try:
            usage = self._helper.ask("usage", point, ASK_SECONDS, about=point)
            said = self._standing_by_others(point) if self._is_shut(point, usage) else ""
        except Late:
            said = "hangs"
        except Unavailable:  # nobody could be sent there: what was so is so
            if (known := self._dead.get(point)) is None:
                raise
            said = known
        except OSError as error:
            said = self._standing_by_others(point) if error.errno in REFUSED else _NOBODY.get(error.errno or 0, "")
        with self._lock:
            self._dead.pop(point, None)
            if said:
                self._dead[point] = said
        return said

    def _standing_by_others(self, point: str) -> str:
        """A FUSE mount answers whom its owner lets in: who may not ask knows nothing against it, unless another may."""
        try:
            return str(self._rights.ask("standing", path=point))
        except NoRight:
            return ""

    def dead(self) -> tuple[str, ...]:
        """The points that had nobody behind them when they were asked last, and are still mounted."""
        there = {mount.point for mount in self.list()}
        with self._lock:
            return tuple(point for point in self._dead if point in there)

    def hanging(self) -> tuple[str, ...]:
        """The points that did not answer and have not answered since."""
        return self._helper.hanging()

    def ask(self, question: str, path: str, timeout: float = ASK_SECONDS, **more: Any) -> Any:
        """One of the helper's questions about a path: asked here where nothing can hang, else in a child that can be left.

        What this process may not see itself, whoever has the rights is asked. Raises Unavailable: no such file, no permission, no
        answer.
        """
        try:
            hangs = self.doubtful(path, follow=more.get("follow", True))
            if hangs:
                return self._helper.ask(question, path, timeout, about=hangs, **more)
            return helper_child.answer(question, path, more)
        except OSError as error:
            return self.instead(error, question, path, **more)
        except ValueError as error:
            raise Unavailable(f"{path}: {error}") from None

    def instead(self, error: OSError, question: str, path: str, **more: Any) -> Any:
        """What those answer who have the rights that the kernel missed here. Raises Unavailable."""
        if error.errno in REFUSED:
            return self._rights.ask(question, path=path, **more)
        raise Unavailable(f"{path}: {error.strerror}") from None

    def close(self) -> None:
        """For good: who asks later hears that it is Unavailable."""
        with self._lock:
            self._closed = True
            if self._table is not None:
                self._table.close()
                self._table = None

    def doubtful(self, path: str, *, follow: bool = True) -> str:
        """The first mount on the way to `path`, its links included, that may hang; empty when there is none.

        `follow`: whether the last part is followed too, when it is a link.

        Each step is taken on a file system that was found safe before, so that the walk itself cannot hang.
        """
        by_point = self._current().by_point
        if not any(mount.may_hang for mount in by_point.values()):
            return ""
        here, todo, links = "/", path.split("/")[::-1], 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            here = os.path.normpath(os.path.join(here, part))  # noqa: PTH118  # lexical, and often
            if here in by_point and by_point[here].may_hang:
                return here
            if not todo and not follow:
                break
            try:
                target = os.readlink(here)  # noqa: PTH115
            except OSError:  # no link, or nothing there
                continue
            links += 1
            if links > _LINKS:
                return ""  # the kernel will refuse it too
            todo += target.split("/")[::-1]
            here = "/" if target.startswith("/") else os.path.dirname(here)  # noqa: PTH120
        return ""

    def _current(self) -> "_Table":
        with self._lock:
            if self._closed:
                raise Unavailable("the list of mounts is closed")
            if self._table is None:
                self._table = _Table()
            self._table.refresh()
            return self._table


class _Table:
    """mountinfo, read again only when the kernel says that it changed (proc(5): poll gives POLLPRI)."""

    def __init__(self) -> None:
        self.mounts: tuple[Mount, ...] = ()
        self.by_point: dict[str, Mount] = {}
        self.writable: set[tuple[str, str]] = set()
        """Device and point of those that are, or once were, writable."""
        self._file = open(_list_of_mounts(), "rb", buffering=0)  # noqa: SIM115, PTH123  # kept open to be polled
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLPRI)

    def refresh(self) -> None:
        if self.mounts and not self._poll.poll(0):
            return
        self._file.seek(0)
        text = b"".join(iter(lambda: self._file.read(1 << 16), b"")).decode("utf-8", "surrogateescape")
        self.mounts = tuple(parse(line) for line in text.splitlines()[:_MOUNTS])
        self.by_point = {mount.point: mount for mount in self.mounts}
        there = {(mount.device, mount.point) for mount in self.mounts}
        self.writable = (self.writable & there) | {(mount.device, mount.point) for mount in self.mounts if not mount.read_only}

    def close(self) -> None:
        self._file.close()


def _list_of_mounts() -> str:
    """Systemd may put a service of its own into a sandbox, whose read-only mounts nobody else has: the host's are the first process's.

    Only where its root is ours: else its paths are not.
    """
    try:
        sandboxed = "INVOCATION_ID" in os.environ and _root_in(_OF_THE_HOST) == _root_in(_MOUNTINFO)
    except OSError:
        sandboxed = False
    return _OF_THE_HOST if sandboxed else _MOUNTINFO


def _root_in(path: str) -> tuple[str, str] | None:
    text = Path(path).read_text("utf-8", errors="surrogateescape")
    roots = (mount for mount in map(parse, text.splitlines()[:_MOUNTS]) if mount.point == "/")
    return next(((mount.device, mount.root) for mount in roots), None)


def parse(line: str) -> Mount:
    """One line of mountinfo: id parent device root point options [fields...] - type source super-options."""
    before, _, after = line.partition(" - ")
    _, _, device, root, point, options, *_ = before.split(" ")
    fstype, source, super_options = (*after.split(" "), "", "")[:3]
    merged = dict.fromkeys([*options.split(","), *super_options.split(",")])
    return Mount(source=plain(source), point=plain(point), fstype=fstype, options=tuple(merged), device=device, root=plain(root))


def plain(text: str) -> str:
    """mountinfo and fstab write space, tab, newline and backslash as octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
