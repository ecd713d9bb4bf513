"""Two lanes of workers: phase 1 and the proofs have one that research and consultation cannot fill.

Of thinkers there are as many as calls of a model may be under way: each talk waits for one answer at a time.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from orchestrator.model import Case
from orchestrator.store import Turn

log = logging.getLogger(__name__)

_THINKERS, _MOST_THINKERS = 2, 64
"""At least: without a model thinking is work of the processor. At most: as many calls as can be configured; a thread is made when it
is needed."""


class Lanes:
    """A lane takes no more cases than it has workers: what waits, waits in its row."""

    def __init__(self, workers: int, ended: Callable[[], None], calls: int = 0) -> None:
        """`ended` is called whenever a step has ended; `calls`: of a model, at once."""
        self._ended = ended
        self._room = {"quick": workers}
        self.set_calls(calls)
        self._pools = {lane: ThreadPoolExecutor(room, lane) for lane, room in (("quick", workers), ("slow", _MOST_THINKERS))}
        self._steps: dict[str, set[Future[None]]] = {lane: set() for lane in self._room}

    def set_calls(self, calls: int) -> None:
        """So many may be under way from now on; what is under way goes on, and counts."""
        self._room["slow"] = max(_THINKERS, calls)

    def has_room(self, turn: Turn) -> bool:
        lane = _lane(turn.phase, settling=turn.settling)
        self._steps[lane] = {step for step in self._steps[lane] if not step.done()}
        return len(self._steps[lane]) < self._room[lane]

    def submit(self, step: Callable[[Case], None], case: Case) -> None:
        lane = _lane(case.incident.phase, settling=case.open_attempt is not None)
        future = self._pools[lane].submit(step, case)
        self._steps[lane].add(future)
        future.add_done_callback(lambda _done: self._ended())

    @property
    def busy(self) -> bool:
        return any(not step.done() for steps in self._steps.values() for step in steps)

    def close(self, seconds: float) -> None:
        """Let steps end for so long. One that does not is taken up from its row at the next start."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + seconds
        for step in [step for steps in self._steps.values() for step in steps if not step.cancelled()]:
            try:
                step.result(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                log.warning("a step does not end in time; it is taken up at the next start")


def _lane(phase: int, *, settling: bool) -> str:
    return "quick" if phase == 1 or settling else "slow"
