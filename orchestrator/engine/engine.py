"""One phase of one case a step: stand down or look again, gather, ask the phase, ask the policy, act, prove, learn, move."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from escalation import Desk
from orchestrator.config import Config
from orchestrator.engine.attempting import MODE_LOOK_SECONDS, Attempting
from orchestrator.engine.claims import Claims
from orchestrator.engine.endings import Endings
from orchestrator.engine.look import look, stands, taken_back
from orchestrator.engine.second_look import SecondLook
from orchestrator.engine.surroundings import surroundings
from orchestrator.hands.seam import AnyHands
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.candidates import as_evidence, candidates
from orchestrator.knowledge.evidence import gather
from orchestrator.model import (
    Abstain,
    Answer,
    Case,
    HandOver,
    Mode,
    Phase,
    Proposal,
)
from orchestrator.policy import stand_down
from orchestrator.store import Stale, Store, StoreFailed, Turn

log = logging.getLogger(__name__)

_STAND_DOWN_LOOK_SECONDS = 2.0
_STAND_DOWN_TOLD_SECONDS = 3600.0
"""A fault that others keep us from for an hour is told to a person: waiting must not become silence."""
_WINDOW_LOOK_SECONDS = 60.0
_SHORT_TROUBLE_SECONDS, _TROUBLE_SECONDS = 2.0, 30.0
_THOUGHT_LONG_SECONDS = 5.0
"""A model thinks for minutes: what was so before may not be so any more."""


class Thinker(Protocol):
    """One phase, as the engine sees it."""

    def propose(self, case: Case, view: View, deadline: float) -> Answer: ...


class Engine:
    def __init__(self, config: Config, view: View, store: Store, desk: Desk, hands: AnyHands, phases: Mapping[int, Thinker]) -> None:
        self._view = view
        self._store = store
        self._desk = desk
        self._phases = phases
        self._claims = Claims(view, store)
        self._second_look = SecondLook(view, store, desk)
        self.endings = Endings(config, view, store, desk, self._second_look)
        self._attempting = Attempting(config, view, store, hands, self.endings)
        self.config = config
        self.booting = False
        """Set by the daemon while the grace after the host's boot lasts."""

    def reload(self, config: Config, phases: Mapping[int, Thinker]) -> None:
        self.config = self.endings.config = config
        self._attempting.reload(config)
        self._phases = phases

    def claim_due(self, now: float, has_room: Callable[[Turn], bool]) -> Iterator[Case]:
        """The cases to step now: one change at a time per scope."""
        return self._claims.due(now, self.config, has_room)

    def next_due(self) -> float | None:
        """When a case falls due that can be claimed without another step ending first."""
        return self._claims.next_due()

    def look_again(self) -> None:
        """What a person has, and whose evidence changed since, becomes due. Raises StoreFailed."""
        self._second_look.sweep(self.config)

    def step(self, case: Case) -> None:
        """One step of a claimed case. Never raises: our own trouble is logged, and the case comes back later."""
        number = case.incident.id
        try:
            attempt = case.open_attempt
            if attempt:
                self._attempting.settle(case, attempt)
            else:
                self._store.scope(number, case.scope)
                self._advance(case)
        except Stale as moved_on:
            log.info("incident %d moved on meanwhile: %s", number, moved_on)
        except StoreFailed as trouble:
            log.error("incident %d: nothing can be written, so nothing is changed: %s", number, trouble)  # noqa: TRY400  # one line for an operator
            time.sleep(1.0)  # the only brake there is: the row cannot be told to wait
        except Unavailable as reason:
            log.warning("incident %d: %s", number, reason)
            self._trouble(case, str(reason))
        except Exception:
            log.exception("incident %d: our own trouble", number)
            self._trouble(case, "see the daemon's log")
        finally:
            self._claims.let_go(number)

    def _stands_long(self, case: Case) -> bool:
        return self._view.now() - case.incident.opened_at > _STAND_DOWN_TOLD_SECONDS

    def _trouble(self, case: Case, reason: str) -> None:
        number, now = case.incident.id, self._view.now()
        again = now + min(max((now - case.incident.opened_at) / 4, _SHORT_TROUBLE_SECONDS), _TROUBLE_SECONDS)
        try:
            if self._stands_long(case) and not self.endings.fresh(case).open_attempt:
                self.endings.escalate(case, f"it stands for an hour, and could not be seen to: {reason}")
            else:
                self._store.wait(number, again, f"our own trouble: {reason}")
        except (Stale, StoreFailed) as more:
            log.warning("incident %d: %s", number, more)

    def _advance(self, case: Case) -> None:
        number, phase = case.incident.id, case.incident.phase
        if not self._is_ours(case):
            return
        deadline = time.monotonic() + self._budget(phase)
        case = self._gather(case, deadline)
        log.info("PHASE %d (%s) incident %d: %s", phase, Phase.numbered(phase), number, case.fault.message)
        self._store.begin_phase(number, phase)
        began = time.monotonic()
        answer = self._think(case, deadline)
        if answer.minutes:
            self._desk.minutes(number, answer.minutes)
        if time.monotonic() - began < _THOUGHT_LONG_SECONDS or self._is_ours(case):
            self._answer(self._with_looks(case, answer), answer, deadline)

    def _is_ours(self, case: Case) -> bool:
        """Whether something may be done about it now; if not, it waits or is gone."""
        if self._must_wait(case):
            return False
        standing = stands(case, self._view, self.config)
        if isinstance(standing, str):
            self._store.wait(case.incident.id, self._view.now() + _STAND_DOWN_LOOK_SECONDS, f"its check cannot tell: {standing}")
        elif not standing:
            self._is_over(case)
        return standing is True

    def _is_over(self, case: Case) -> None:
        """Unless it shows no more only because what had been started for it was stopped again: it goes on as what shows now."""
        if shows := taken_back(case, self._view, self.config):
            try:
                self._store.progress(case.incident.id, shows)
            except Stale as elsewhere:
                log.info("incident %d: %s", case.incident.id, elsewhere)
            else:
                return
        self.endings.gone(case)

    def _must_wait(self, case: Case) -> bool:
        """Law 4, and the modes that only watch."""
        now = self._view.now()
        if self.config.mode_of(case.fault.target) is Mode.OBSERVE:
            self._store.wait(case.incident.id, now + MODE_LOOK_SECONDS, "mode is observe")
            return True
        around = surroundings(case, self._view, self._store, self.config, booting=self.booting)
        reason = stand_down(case.fault, around)
        if reason and not around.maintenance and self._stands_long(case):
            self.endings.escalate(case, f"it stands for an hour, and was left alone all the time because {reason}")
            return True
        if reason:
            # A window that ends early makes its cases due (`Store.end_window`): nobody needs to ask every other second.
            until = min(around.maintenance_until, now + _WINDOW_LOOK_SECONDS) if around.maintenance else now + _STAND_DOWN_LOOK_SECONDS
            self._store.wait(case.incident.id, until, reason)
        return bool(reason)

    def _budget(self, phase: int) -> float:
        seconds = self.config.phases
        return {1: seconds.quick_fix_seconds, 2: seconds.research_seconds, 3: seconds.consultation_seconds}[phase]

    def _gather(self, case: Case, deadline: float) -> Case:
        """Evidence and candidates, stored before anything changes."""
        found = gather(self._view, self.config, case, early_only=case.incident.phase == 1, deadline=deadline)
        self._second_look.glance(case, found, self.config)
        seen = case.model_copy(update={"evidence": (*case.evidence, *found)})
        offered = candidates(seen, self._view, self.config)
        before = look(case, self._view, self.config).as_evidence()
        stored = self._store.add_evidence(case.incident.id, (*found, as_evidence(offered), before))
        return case.model_copy(update={"evidence": (*case.evidence, *stored), "candidates": offered})

    def _think(self, case: Case, deadline: float) -> Answer:
        if case.approved and not _had_its_turn(case, case.approved):
            return case.approved
        return self._phases[case.incident.phase].propose(case, self._view, deadline)

    def _with_looks(self, case: Case, answer: Answer) -> Case:
        """With what the phase has looked at meanwhile, where its answer rests on that."""
        known = {item.id for item in case.evidence}
        if not isinstance(answer, Proposal) or set(answer.evidence_ids) <= known:
            return case
        looked = (item for item in self.endings.fresh(case).evidence if item.id not in known)
        return case.model_copy(update={"evidence": (*case.evidence, *looked)})

    def _answer(self, case: Case, answer: Answer, deadline: float) -> None:
        match answer:
            case Proposal():
                self._attempting.attempt(case, answer, deadline)
            case HandOver():
                self.endings.escalate(case, answer.reason, kind=answer.kind, answer=answer)
            case Abstain():
                self.endings.hand_off(case, answer)


def _had_its_turn(case: Case, proposal: Proposal) -> bool:
    """Whether this very plan was carried out since the fault was seen, or since a person let it have another turn."""
    carried_out = (attempt for attempt in case.tried if attempt.executed and attempt.began_at >= case.incident.retried_at)
    return any(attempt.proposal.hash == proposal.hash for attempt in carried_out)
