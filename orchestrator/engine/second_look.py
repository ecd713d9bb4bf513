"""An incident that a person has becomes due again when its evidence changes: the mask was removed, the file mended, room was made.

Only trusted facts count, and of those only what says that something was done about it: never a log's text, a count or a load.
What a person has taken in hand, or said no to, is left to that person.
"""

import logging
import time

from escalation import Desk
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import gather
from orchestrator.model import Case, Evidence, Outcome, digest
from orchestrator.store import Stale, Store
from orchestrator.store.marks import Mark

log = logging.getLogger(__name__)

_TELLING = (
    "config.", "setup.", "unit.load", "unit.enabled", "unit.reload_needed", "below.", "disk.full", "disk.read_only", "port.foreign",
    "package", "mount.", "program.", "danger.intrusion", "names.",
)  # fmt: skip
"""Facts (or families of them) that change by somebody's deed."""
_REASONS_OF = ("unit_inactive", "service_down")
"""Checks whose reason says what stands in the way; a probe's changes with the weather."""
_GATHER_SECONDS = 20.0
_GLANCES = 200
_AT_ONCE = 10
"""So many are looked at in one sweep."""
_FIRST_PAUSE_SECONDS, _PAUSE_FACTOR, _MOST = 5.0, 6.0, 6
"""From the second time on it must have stood for longer and longer: 30 s, 3 min, 18 min ...; after six times it is the person's alone."""


class SecondLook:
    def __init__(self, view: View, store: Store, desk: Desk) -> None:
        self._view = view
        self._store = store
        self._desk = desk
        self._last = 0
        """The incident that was looked at last."""
        self._differing: dict[int, str] = {}
        """Marks that differed at the last look: only one that stays the same for two is no work in progress."""
        self._glanced: dict[int, str] = {}
        """The mark of what each case under way was judged by last."""

    def glance(self, case: Case, evidence: tuple[Evidence, ...], config: Config) -> None:
        """A phase judges the case by this."""
        self._glanced[case.incident.id] = mark_of(case, evidence, config)
        while len(self._glanced) > _GLANCES:
            self._glanced.pop(next(iter(self._glanced)))

    def note(self, case: Case, config: Config) -> None:
        """A person gets the case now: what it was judged by is kept, to be compared with. What he mends at once shows against that."""
        mark = self._glanced.pop(case.incident.id, "") or self._mark(case, config)
        self._store.set_mark(case.incident.id, mark)

    def sweep(self, config: Config) -> None:
        """Make due what changed since; some at a time, in turn. Raises StoreFailed."""
        marks = {kept.incident: kept for kept in self._store.marks()}
        self._differing = {incident: mark for incident, mark in self._differing.items() if incident in marks}
        looked = 0
        for incident in sorted(marks, key=lambda incident: (incident <= self._last, incident)):
            kept = marks[incident]
            if looked == _AT_ONCE:
                break
            if (case := self._ripe(kept)) is None:
                continue
            looked += 1
            self._last = incident  # before the look: one that fails keeps nobody back
            mark, before = self._mark(case, config), self._differing.pop(incident, "")
            if mark == kept.mark:
                continue
            self._differing[incident] = mark
            if mark == before:
                self._anew(kept, mark)

    def _ripe(self, kept: Mark) -> Case | None:
        """Its case, when nobody has it in hand, and it was not tried too often or too lately."""
        if kept.again >= _MOST or self._view.now() - kept.at < _FIRST_PAUSE_SECONDS * _PAUSE_FACTOR**kept.again:
            return None
        case = self._store.case(kept.incident)
        if case is None or any(attempt.outcome is Outcome.STRANDED for attempt in case.tried[-1:]):
            return None
        escalation = self._desk.open_for(kept.incident)
        taken = escalation is None or escalation.status != "open" or self._desk.was_refused(kept.incident)
        return None if taken else case

    def _anew(self, kept: Mark, mark: str) -> None:
        log.info("incident %d: its evidence changed since a person got it; it is tried anew", kept.incident)
        try:
            self._store.tried_anew(kept.incident, mark)
            self._store.anew(kept.incident, self._view.now())
        except Stale as moved_on:
            log.info("incident %d moved on meanwhile: %s", kept.incident, moved_on)

    def _mark(self, case: Case, config: Config) -> str:
        found = gather(self._view, config, case, early_only=True, deadline=time.monotonic() + _GATHER_SECONDS)
        return mark_of(case, found, config)


def mark_of(case: Case, evidence: tuple[Evidence, ...], config: Config) -> str:
    """The same as long as nobody did anything about it: telling facts, and what the operator declares for it."""
    facts = {name: value for item in evidence for name, value in item.facts.items() if name.startswith(_TELLING)}
    service = config.service_of(case.fault.target)
    commands = [command.model_dump(mode="json") for command in config.command if service and command.service == service.name]
    declared = [service.model_dump(mode="json") if service else None, commands, [place.model_dump(mode="json") for place in config.path]]
    return digest([case.fault.reason if case.fault.check in _REASONS_OF else "", facts, declared])
