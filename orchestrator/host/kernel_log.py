"""What the kernel itself says: errors of devices and file systems, tasks that hang, tables that are full.

Read from /dev/kmsg, record by record, since journald may be the one that cannot write. Where that is closed, the journal has the
same lines as far as journald took them in (`loses` says what that costs), and whoever may read that. What a program puts in
there, root's too, never has the kernel's facility (0): printk(9) sees to that. Such a line is told as what it is, and speaks
against no repair. Names in all of them (a process calls itself what it likes) are only names.
"""

import os
import re
import threading
import time
import tomllib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import Journal, clean
from orchestrator.host.kernel_journal import KernelJournal
from orchestrator.host.mounts import Mount
from orchestrator.host.rights import Own, Rights

KEPT_SECONDS = 3600.0
_DEVICE = Path("/dev/kmsg")
_RECORD_BYTES = 8192
"""As the kernel's own largest record."""
_RECORDS = 100_000
"""At one reading: more than any ring holds."""
_KEPT = 500
_MATCHED_CHARACTERS = 500
_KERNEL = 0
_DEPTH = 8
_LOST = "what the kernel said while journald could not write is missing, and what came faster than it reads"


@dataclass(frozen=True, slots=True)
class Kind:
    """One section of kernel_log.toml."""

    name: str
    reason: str
    about: str
    means: str
    patterns: tuple[re.Pattern[str], ...]
    fault: bool = True
    danger: bool = False
    severity: str = "critical"


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """One line of the kernel's that means something."""

    at: float
    kind: Kind
    message: str
    names: dict[str, str] = field(default_factory=dict)
    """What it is about: device, pid, comm, group."""
    written: bool = False
    """By a program of root's, not by the kernel."""

    @property
    def danger(self) -> bool:
        """Data may be damaged, by the kernel's own word."""
        return self.kind.danger and not self.written


class KernelLog:
    """Thread-safe. Keeps the last hour of what matters, bounded; the ring of the boot is read at the first question."""

    def __init__(self, open_log: Callable[[], int] | None = None, journal: Journal | None = None, rights: Rights | None = None) -> None:
        self._open_log = open_log or (lambda: os.open(_DEVICE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        self._in_journal = KernelJournal(journal) if journal else None
        self._rights = rights or Own()
        self.loses = ""
        """What is missing in what was read last; empty where it was the kernel's own log."""
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._events: deque[KernelEvent] = deque()

    def events(self, seconds: float = KEPT_SECONDS) -> tuple[KernelEvent, ...]:
        """What the kernel said in so many seconds, oldest first. Raises Unavailable where its log may not be read."""
        with self._lock:
            self._read()
            since = time.time() - min(seconds, KEPT_SECONDS)
            while self._events and self._events[0].at < time.time() - KEPT_SECONDS:
                self._events.popleft()
            return tuple(event for event in self._events if event.at >= since)

    def of_mount(self, mount: Mount, seconds: float = KEPT_SECONDS) -> tuple[KernelEvent, ...]:
        """What it said of the block device beneath a mount, or of what that device is made of."""
        events = [event for event in self.events(seconds) if "device" in event.names]
        names = device_names(mount) if events else frozenset()  # the usual case asks the host nothing
        return tuple(event for event in events if event.names["device"] in names)

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _read(self) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = self._open_log()
        except OSError as error:
            self._read_elsewhere(Unavailable(f"the kernel's log cannot be read: {error.strerror}"))
            return
        news: list[KernelEvent] = []
        try:
            news.extend(event for record in _records(self._descriptor) if (event := parse(record)))
        except OSError as error:
            raise Unavailable(f"the kernel's log cannot be read: {error.strerror}") from None
        finally:
            self._keep(news)
        self.loses = ""

    def _keep(self, news: Iterable[KernelEvent]) -> None:
        self._events = deque(_bounded((*self._events, *news)))

    def _read_elsewhere(self, trouble: Unavailable) -> None:
        try:
            if self._in_journal is None:
                raise trouble
            lines = self._in_journal.new(time.time() - KEPT_SECONDS)
            self._keep(event for line in lines if (event := _meant(line.message, line.at - line.lag, line.facility)))
        except Unavailable:
            try:
                self._events = deque(map(_told, self._rights.ask("kernel_events")), maxlen=_KEPT)
            except Unavailable:
                raise trouble from None
        self.loses = _LOST


def parse(record: bytes) -> KernelEvent | None:
    """`priority,sequence,microseconds,flags;text` and a line for each of its fields; None for what says nothing to us."""
    head, _, text = record.partition(b";")
    try:
        priority, _, stamp = (int(part) for part in head.split(b",")[:3])
    except ValueError:
        return None
    line = clean(text.split(b"\n")[0].decode(errors="replace"))
    return _meant(line, time.time() - time.monotonic() + stamp / 1e6, priority >> 3)


def _meant(said: str, at: float, facility: int) -> KernelEvent | None:
    line = said[:_MATCHED_CHARACTERS]
    for kind, pattern in _patterns():
        if match := pattern.match(line):
            names = {name: value for name, value in match.groupdict().items() if value}
            return KernelEvent(at, kind, line, names, written=facility != _KERNEL)
    return None


def _bounded(events: Sequence[KernelEvent]) -> Sequence[KernelEvent]:
    """Of too many the newest of each kind and device: what is said again and again must not hide what was said once."""
    if len(events) <= _KEPT:
        return events
    about = [(event.kind.name, event.names.get("device", ""), event.written) for event in events]
    counts, share = Counter(about), _KEPT
    while share > 1 and sum(min(count, share) for count in counts.values()) > _KEPT:
        share //= 2
    kept, left = [], Counter({one: min(count, share) for one, count in counts.items()})
    for event, one in zip(reversed(events), reversed(about), strict=True):
        if left[one]:
            left[one] -= 1
            kept.append(event)
    return kept[:_KEPT][::-1]


def _told(row: dict[str, Any]) -> KernelEvent:
    """As the hands tell it: `kind` by its name."""
    kinds = {kind.name: kind for kind, _ in _patterns()}
    return KernelEvent(**{**row, "kind": kinds[row["kind"]]})


def device_names(mount: Mount) -> frozenset[str]:
    """How the kernel calls what a mount lies on. btrfs shows a device of its own invention, and names the true one as its source."""
    found = block_names(mount.device)
    if found or not mount.source.startswith("/dev/"):
        return found
    try:
        device = os.stat(mount.source).st_rdev  # noqa: PTH116  # a name of the kernel's
    except OSError:
        return found
    return block_names(f"{os.major(device)}:{os.minor(device)}")


def block_names(device: str) -> frozenset[str]:
    """How the kernel calls a device (major:minor): by its own name, its whole disk's, and those of what it is made of (LVM, RAID)."""
    return frozenset(_names(Path("/sys/dev/block", device), _DEPTH))


def is_read_only(device: str) -> bool:
    """Whether the device itself takes no writes: then no mount option helps."""
    try:
        return Path("/sys/dev/block", device, "ro").read_text("ascii").strip() == "1"
    except OSError:
        return False


def in_container() -> bool:
    """Whether the kernel serves others too: systemd's own mark."""
    return Path("/run/systemd/container").exists()


def _names(device: Path, depth: int) -> Iterator[str]:
    try:
        real = device.resolve(strict=True)
        yield real.name
        if (real / "partition").exists():
            yield real.parent.name
            real = real.parent
        slaves = list((real / "slaves").iterdir()) if (real / "slaves").exists() and depth else []
    except OSError:  # no block device (tmpfs), or it went away
        return
    for slave in slaves:
        yield from _names(slave, depth - 1)


def _records(descriptor: int) -> Iterable[bytes]:
    """What is there now. EPIPE: the kernel overwrote what was not read in time, and goes on with what is left."""
    for _ in range(_RECORDS):
        try:
            yield os.read(descriptor, _RECORD_BYTES)
        except BlockingIOError:
            return
        except BrokenPipeError:
            continue


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    table = tomllib.loads(files("orchestrator.host").joinpath("kernel_log.toml").read_text("utf-8"))
    return tuple((kind, pattern) for kind in (_kind(name, row) for name, row in table.items()) for pattern in kind.patterns)


def _kind(name: str, row: dict[str, Any]) -> Kind:
    return Kind(name=name, **{**row, "patterns": tuple(re.compile(pattern) for pattern in row["patterns"])})
