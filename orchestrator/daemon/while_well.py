"""What is remembered while all is well: what runs here, and what the hands are to keep of files.

Beside the loop: hands that take their time hold up neither the clicks nor the watchdog.
"""

import ctypes
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from orchestrator.config import Config
from orchestrator.hands.seam import AnyHands
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.remembering import Remembering
from orchestrator.store import Store, StoreFailed

log = logging.getLogger(__name__)

TakeTurn = Callable[[str, Callable[[], None]], None]


class WhileWell:
    """One turn at a time, in a thread of its own."""

    def __init__(self, view: View, store: Store, hands: AnyHands, take_turn: TakeTurn, ended: Callable[[], None]) -> None:
        """`ended` is called whenever a turn has ended."""
        self._view = view
        self._store = store
        self._hands = hands
        self._remembering = Remembering(view, hands)
        self._take_turn = take_turn
        self._ended = ended
        self._pool = ThreadPoolExecutor(1, "remember")
        self._turn: Future[None] | None = None

    def reload(self) -> None:
        """Other files, other servers: all is said anew. A turn that is under way ends with the ones of before."""
        self._remembering = Remembering(self._view, self._hands)

    def note_changed(self, names: frozenset[str]) -> None:
        """Units that systemd reported. Called by the listener's thread."""
        self._remembering.note_changed(names)

    @property
    def busy(self) -> bool:
        return self._turn is not None and not self._turn.done()

    def begin(self, config: Config) -> None:
        """Only right after every check has looked, so that no crash is taken for well-being."""
        self._turn = self._pool.submit(self._take_turn, "remember", partial(self._remember, self._remembering, config))
        self._turn.add_done_callback(lambda _done: self._ended())

    def _remember(self, remembering: Remembering, config: Config) -> None:
        """The checks go on meanwhile: what they find wrong counts from then on."""
        try:
            self._remember_what_runs(remembering)
            for service in config.service:
                if service.target not in self._troubled():
                    remembering.good_files(service, config.server)
            remembering.name_files()
        except Unavailable as reason:
            log.info("nothing remembered: %s", reason)
        except StoreFailed:
            pass  # told by the tick
        _give_memory_back()

    def _remember_what_runs(self, remembering: Remembering) -> None:
        if self._troubled():
            return
        baseline = remembering.baseline(self._store.live_targets())
        if not self._troubled():
            self._view.baseline = baseline
            self._store.save_baseline(baseline.to_json())

    def _troubled(self) -> frozenset[str]:
        return frozenset(turn.target for turn in self._store.turns(float("inf")))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _give_memory_back() -> None:
    """What imports and repairs have freed goes back to the host: glibc keeps it otherwise, and the daemon runs for ever."""
    with suppress(AttributeError, OSError):  # another libc has no such call
        ctypes.CDLL(None).malloc_trim(0)
