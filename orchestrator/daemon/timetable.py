"""Everything that comes by the clock: the looks of each check, the sweep, the outbox."""

import logging
import time
from collections.abc import Callable, Mapping

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from orchestrator.checks import Check

log = logging.getLogger(__name__)

_OUTBOX_SECONDS = 5.0
_COPY_SECONDS = 60.0
"""Whether a nightly copy is due is asked this often: a host that slept through the night has its own in the morning."""
_CLOCK_JUMP_SECONDS = 5.0
_USUAL_POLL_SECONDS = 30.0


class Timetable:
    """A job only asks; nothing here may hold up the loop."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        ask: Callable[[str], None],
        sweep: Callable[[], None],
        deliver: Callable[[], None],
        look_again: Callable[[], None],
        copy: Callable[[], None],
    ) -> None:
        """`ask` is told the check whose turn it is."""
        self._checks = checks
        self._ask = ask
        self._sweep = sweep
        self._deliver = deliver
        self._look_again = look_again
        self._copy = copy
        self._scheduler: BackgroundScheduler | None = None
        self._clock = 0.0

    def start(self, poll_seconds: float) -> None:
        """Begin, or begin anew, from the clock as it is now."""
        self.stop()
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, check in self._checks.items():
            scheduler.add_job(self._ask, "interval", args=[name], seconds=pace(check.every, poll_seconds), id=f"check-{name}")
        scheduler.add_job(self._sweep, "interval", seconds=poll_seconds, id="sweep")
        scheduler.add_job(self._look_again, "interval", seconds=poll_seconds, id="second-look")
        scheduler.add_job(self._deliver, "interval", seconds=_OUTBOX_SECONDS, id="outbox")
        scheduler.add_job(self._copy, "interval", seconds=_COPY_SECONDS, id="copy")
        scheduler.start()
        self._scheduler, self._clock = scheduler, _offset()

    def clock_jumped(self) -> bool:
        """Whether the wall clock was set since the last call. APScheduler stops for as long as it steps back: start anew then."""
        jump = _offset() - self._clock
        self._clock = _offset()
        if abs(jump) > _CLOCK_JUMP_SECONDS:
            log.warning("the clock jumped by %.0f s", jump)
            return True
        return False

    def stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None


def pace(every: float | None, poll_seconds: float) -> float:
    """Seconds between the looks of a check: `every` is meant for the usual sweep, and who sweeps more often looks more often."""
    if every is None:
        return poll_seconds
    return max(min(every, poll_seconds), min(every, every * poll_seconds / _USUAL_POLL_SECONDS))


def _offset() -> float:
    return time.time() - time.monotonic()
