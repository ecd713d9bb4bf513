"""What the checks saw: it becomes rows of the store, and the journal hears of it; also of what cannot be written, and of who is blind."""

import logging
from collections.abc import Callable, Mapping

from escalation import Desk
from orchestrator.checks.looks import Looks
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Blind, Seen, faults_in
from orchestrator.roots import arrange, stands_on
from orchestrator.store import Observed, Store, StoreFailed

log = logging.getLogger(__name__)


class Observing:
    """The loop's alone."""

    def __init__(self, view: View, store: Store, desk: Desk, looks: Looks, relapsed: Callable[[int], None]) -> None:
        """`relapsed` is told each incident that is back."""
        self._view = view
        self._store = store
        self._desk = desk
        self._looks = looks
        self._relapsed = relapsed
        self._all_well = False
        self._clean: dict[str, float] = {}
        self._blind: dict[str, str] = {}
        self._unwritten: set[str] = set()

    @property
    def clean(self) -> Mapping[str, float]:
        """The checks that see nothing, and when they looked last: on a host where all is well no look is a write of its own."""
        return self._clean

    @property
    def blind(self) -> int:
        """How many checks."""
        return len(self._blind)

    def note(self, *, all_well: bool) -> None:
        """Whether nothing is wrong, by the store."""
        self._all_well = all_well

    def written_again(self) -> None:
        """What could not be written is told anew when it happens again."""
        self._unwritten.clear()

    def take(self, config: Config) -> None:
        """The looks that have ended. What cannot be written is told all the same, of every check. Raises StoreFailed."""
        below = stands_on(self._view, config)
        trouble: StoreFailed | None = None
        for check, seen in self._looks.finished():
            self._note_blindness(check, seen.reason if isinstance(seen, Blind) else "")
            looked_at = self._looks.looked_at(check)
            if self._all_well and check in self._clean and seen == ():
                self._clean[check] = looked_at
                continue
            self._clean.pop(check, None)
            try:
                observed = self._store.observe(
                    check, seen, looked_at, lambda faults: arrange(faults, below), relapse_seconds=config.daemon.relapse_seconds
                )
            except StoreFailed as failed:
                self._tell_unwritten(seen)
                trouble = failed
                continue
            if seen == ():
                self._clean[check] = looked_at
            self._tell(check, observed)
        if trouble:
            raise trouble

    def _tell(self, check: str, observed: Observed) -> None:
        self._all_well = self._all_well and not (observed.opened or observed.reopened)
        for number in observed.opened:
            log.info("incident %d opened by %s", number, check)
        for number in observed.reopened:
            log.warning("incident %d is back", number)
            self._relapsed(number)
        for number in observed.cleared:
            self._desk.went_away(number, "it went away by itself")
            log.info("incident %d went away by itself", number)

    def _tell_unwritten(self, seen: Seen) -> None:
        """A fault that cannot be stored: the journal is the only place left, and hears of it once."""
        for fault in faults_in(seen):
            if fault.key not in self._unwritten:
                self._unwritten.add(fault.key)
                log.error("seen, and not written down: %s", fault.message)

    def _note_blindness(self, check: str, reason: str) -> None:
        if reason and self._blind.get(check) != reason:
            log.warning("check %s is blind: %s", check, reason)
        if reason:
            self._blind[check] = reason
        elif self._blind.pop(check, ""):
            log.info("check %s sees again", check)
