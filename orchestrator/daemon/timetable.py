"""Everything that comes by the clock: the looks of each check, the sweep, the outbox."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from orchestrator.checks import Check
from orchestrator.masking import mask

log = logging.getLogger(__name__)

_OUTBOX_SECONDS = 5.0
_COPY_SECONDS = 60.0
"""Whether a nightly copy is due is asked this often: a host that slept through the night has its own in the morning."""
_FIRST_COPY_SECONDS = 5.0
"""A daemon that dies again and again has made one before it needs it."""
_CLOCK_JUMP_SECONDS = 5.0
_USUAL_POLL_SECONDS = 30.0
_TOLD_CHARACTERS = 300
_SLOW = "slow"
"""The lane of the three that take their time, each with a thread: a mail server or a disk that hangs keeps no check from its turn."""


class Timetable:
    """A job only asks; nothing here may hold up the loop, and none that goes wrong takes its next turn away."""

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
        self._troubles: dict[str, str] = {}
        """What was told last of a job that goes wrong."""

    def start(self, poll_seconds: float) -> None:
        """Begin, or begin anew, from the clock as it is now."""
        self.stop()
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1), _SLOW: ThreadPoolExecutor(3)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, check in self._checks.items():
            self._add(scheduler, f"check-{name}", partial(self._ask, name), pace(check.every, poll_seconds))
        self._add(scheduler, "sweep", self._sweep, poll_seconds)
        self._add(scheduler, "second-look", self._look_again, poll_seconds, _SLOW)
        self._add(scheduler, "outbox", self._deliver, _OUTBOX_SECONDS, _SLOW)
        self._add(scheduler, "copy", self._copy, _COPY_SECONDS, _SLOW)
        scheduler.modify_job("copy", next_run_time=datetime.now(UTC) + timedelta(seconds=_FIRST_COPY_SECONDS))
        scheduler.start()
        self._scheduler, self._clock = scheduler, _offset()

    def _add(self, scheduler: BackgroundScheduler, name: str, job: Callable[[], None], seconds: float, lane: str = "default") -> None:
        scheduler.add_job(self.take_turn, "interval", args=[name, job], seconds=seconds, id=name, executor=lane)

    def take_turn(self, name: str, job: Callable[[], None]) -> None:
        """Never raises: what goes wrong in the job is told, and it has its next turn."""
        try:
            job()
        except Exception as error:  # noqa: BLE001  # a mistake in one job must not fill the journal, nor end any other
            self._note_trouble(name, error)
        else:
            self._troubles.pop(name, None)

    def _note_trouble(self, name: str, error: Exception) -> None:
        """One line for an operator, with the place for whoever mends it; once while it stays the same."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = mask(" ".join(f"{type(error).__name__}: {error}".split()))[:_TOLD_CHARACTERS]
        said = f"{said} ({Path(place.filename).name}, line {place.lineno})"
        if self._scheduler is not None and self._troubles.get(name) != said:  # what a stop cuts short is no trouble
            log.error("%s: our own trouble: %s", name, said)
            self._troubles[name] = said

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
