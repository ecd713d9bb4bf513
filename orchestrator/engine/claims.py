"""Claiming: which due cases may be worked on now. One change at a time per scope, and never two steps of one case."""

import threading
from collections.abc import Callable, Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Case, Scope, Status
from orchestrator.scopes import scope_of
from orchestrator.store import Store, StoreFailed, Turn


class Claims:
    def __init__(self, view: View, store: Store) -> None:
        self._view = view
        self._store = store
        self._lock = threading.Lock()
        self._working: set[int] = set()
        self._stepped: set[int] = set()
        """Whose step ended since this round began: what the round knows of them is of before that."""
        self._held: dict[int, Scope] = {}
        self._blocked: set[int] = set()
        """Due, and not claimed at the last round: their lane was full, or their scope held."""

    def due(self, now: float, config: Config, has_room: Callable[[Turn], bool]) -> Iterator[Case]:
        """The cases to step now: due, their lane has room, and no other change is under way in their scope."""
        self._blocked.clear()
        with self._lock:
            self._stepped.clear()
        self._free_what_ended()
        for turn in self._store.turns(now):
            number = turn.incident
            with self._lock:
                if number in self._working or number in self._stepped:
                    continue
            self._blocked.add(number)
            if not has_room(turn) or (case := self._store.case(number)) is None:
                continue
            scope = case.scope if case.open_attempt else scope_of(case.fault, self._view, config)
            with self._lock:
                if number in self._stepped or any(other != number and _overlap(scope, held) for other, held in self._held.items()):
                    continue
                self._working.add(number)
                self._held[number] = scope
            self._blocked.discard(number)
            yield case.model_copy(update={"scope": scope})

    def next_due(self) -> float | None:
        with self._lock:
            return self._store.next_due(besides=self._working | self._blocked)

    def _free_what_ended(self) -> None:
        """A person's word ends an attempt between two of its steps; then no step comes any more that lets go of its scope."""
        with self._lock:
            settling = self._held.keys() - self._working
        for number in settling:
            if not self._settles(number):
                with self._lock:
                    if number not in self._working:
                        self._held.pop(number, None)

    def _settles(self, number: int) -> bool:
        """Whether a change settles there: its attempt is still open, and the incident its own."""
        fresh = self._store.case(number)
        return fresh is not None and fresh.open_attempt is not None and fresh.incident.status is not Status.MERGED

    def let_go(self, number: int) -> None:
        """The scope stays held while a change settles there."""
        try:
            settling = self._settles(number)
        except StoreFailed:
            settling = True
        with self._lock:
            self._working.discard(number)
            self._stepped.add(number)
            if not settling:
                self._held.pop(number, None)


def _overlap(one: Scope, other: Scope) -> bool:
    return other.holds(one.target) or one.holds(other.target)
