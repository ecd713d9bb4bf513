"""Looks in flight: each check in a thread of its own, with a deadline, and never two looks of one check at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from orchestrator.checks import Check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Blind, Fault, Seen, faults_in, hides

log = logging.getLogger(__name__)

_LONG_SECONDS, _REST_SECONDS = 0.25, 5.0
"""A look that took so long, for all that is wrong, rests as long before events wake it again, at most so long."""


@dataclass(slots=True)
class _Looking:
    """Where one check stands."""

    future: "Future[Seen] | None" = None
    began: float = 0.0
    began_at: float = 0.0
    """The same by the wall clock, of the look under way; `looked_at`: of the one that ended last."""
    looked_at: float = 0.0
    told_late: bool = False
    again: bool = False
    """It was asked for while it looked: look once more, since what it reads now may be older than the reason."""
    retry_at: float | None = None
    rests_until: float = 0.0
    misses: dict[str, int] = field(default_factory=dict)
    """Soft state: for each fault's key, in how many looks in a row it was seen."""
    soft: bool = False
    """Of what was seen last something waits for its confirmation."""


class Looks:
    """The pool of checks. `wake` is called whenever a look ended."""

    def __init__(self, view: View, config: Config, checks: Mapping[str, Check], wake: Callable[[], None]) -> None:
        self.config = config
        self._view = view
        self._checks = checks
        self._wake = wake
        self._lock = threading.Lock()
        self._looking = {name: _Looking() for name in checks}
        # One thread a check: one that hangs in the kernel costs nobody else his turn.
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="check")

    def ask(self, name: str) -> None:
        """Look now; if it looks already, once more afterwards."""
        with self._lock:
            self._ask(name, self._looking[name])

    def _ask(self, name: str, looking: _Looking) -> None:
        if looking.future is not None:
            looking.again = True
        elif time.monotonic() < looking.rests_until:
            looking.retry_at = min(looking.retry_at or looking.rests_until, looking.rests_until)
        else:
            self._begin(name, looking)

    def ask_all(self) -> None:
        for name in self._checks:
            self.ask(name)

    def ask_for_change(self) -> None:
        """systemd said that a unit changed."""
        for name, check in self._checks.items():
            if check.on_events:
                self.ask(name)

    def _begin(self, name: str, looking: _Looking) -> None:
        looking.began, looking.told_late, looking.again, looking.retry_at = time.monotonic(), False, False, None
        looking.began_at = self._view.now()
        looking.future = self._pool.submit(self._checks[name].ask, self._view, self.config)
        looking.future.add_done_callback(lambda _done: self._wake())

    def finished(self) -> Iterator[tuple[str, Seen]]:
        """What ended since the last call: confirmed faults, or blindness. A look that is late is blind, and told once."""
        now = time.monotonic()
        for name, check in self._checks.items():
            with self._lock:
                seen = self._collect(check, self._looking[name], now)
            if seen is not None:
                yield name, seen

    def looked_at(self, name: str) -> float:
        """When the look that ended last began: what it saw may have changed since."""
        return self._looking[name].looked_at

    def _collect(self, check: Check, looking: _Looking, now: float) -> Seen | None:
        future = looking.future
        if future is None:
            if looking.retry_at is not None and now >= looking.retry_at:
                self._begin(check.name, looking)
            return None
        if not future.done():
            if now - looking.began > check.deadline and not looking.told_late:
                looking.told_late, looking.looked_at = True, looking.began_at
                return Blind(reason=f"no answer in {check.deadline:.0f} s; it is not asked again until it answers")
            return None
        looking.future, looking.looked_at = None, looking.began_at
        took = now - looking.began
        looking.rests_until = now + min(took, _REST_SECONDS) if took > _LONG_SECONDS else 0.0
        if looking.again:
            looking.again = False
            self._ask(check.name, looking)
        return self._confirmed(check, looking, future.result(), now)

    def _confirmed(self, check: Check, looking: _Looking, seen: Seen, now: float) -> Seen:
        """Only faults that were seen often enough in a row; while one waits for that, the next look comes soon."""
        faults = faults_in(seen)
        hidden = {key: count for key, count in looking.misses.items() if hides(seen, key.partition(":")[2])}
        looking.misses = hidden | {fault.key: looking.misses.get(fault.key, 0) + 1 for fault in faults}
        looking.soft = any(looking.misses[fault.key] < check.confirm for fault in faults)
        if looking.soft:
            looking.retry_at = now + check.retry
        counted = tuple(fault for fault in faults if self._counts(check, looking, fault))
        return seen.model_copy(update={"seen": counted}) if isinstance(seen, Blind) else counted

    @staticmethod
    def _counts(check: Check, looking: _Looking, fault: Fault) -> bool:
        return looking.misses[fault.key] >= check.confirm

    def next_retry(self) -> float | None:
        """Seconds until a soft fault is looked at again; None when none waits."""
        with self._lock:
            times = [looking.retry_at for looking in self._looking.values() if looking.retry_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._checks)

    @property
    def idle(self) -> bool:
        """Nothing looks, but for what is late and blind, and nothing waits for its confirmation."""
        with self._lock:
            return all((looking.future is None or looking.told_late) and looking.retry_at is None for looking in self._looking.values())

    def have_looked_since(self, at: float) -> bool:
        """Idle; or each check has ended a look that began since then, but for what is late, and nothing waits for its confirmation."""
        with self._lock:
            each = all(looking.looked_at >= at or (looking.future and looking.told_late) for looking in self._looking.values())
            soft = any(looking.soft for looking in self._looking.values())
        return (each and not soft) or self.idle

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
