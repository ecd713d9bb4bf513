"""How a step ends: healed, passed on, with a person, or gone by itself; what is learned goes with it, all of it or nothing."""

import logging
from collections.abc import Callable
from functools import partial

from escalation import Desk, Kind, story
from orchestrator.checks.recurring import pattern
from orchestrator.config import Config
from orchestrator.engine.handoffs import PERSON, passed_on
from orchestrator.engine.look import look
from orchestrator.engine.second_look import SecondLook
from orchestrator.engine.surroundings import hands_off
from orchestrator.host import View
from orchestrator.knowledge.memory import lessons
from orchestrator.model import Abstain, Answer, Attempt, Case, Outcome, Phase, Status
from orchestrator.policy import may_teach
from orchestrator.store import Lesson, Store, StoreFailed

log = logging.getLogger(__name__)

LAST_PHASE = 3
_APPROVAL_SECONDS = 24 * 3600.0
_REVIEW = "review."
"""Facts that a person has to hear of although the fix worked."""
RELAPSE_BUDGET = 3
"""A fault that was healed so often and came back within `relapse_seconds` each time is a person's."""


def ended_as(attempt: Attempt, outcome: Outcome, detail: str) -> Attempt:
    return attempt.model_copy(update={"outcome": outcome, "detail": detail})


class Endings:
    def __init__(self, config: Config, view: View, store: Store, desk: Desk, second_look: SecondLook) -> None:
        self.config = config
        self._view = view
        self._store = store
        self._desk = desk
        self._second_look = second_look

    def hand_off(self, case: Case, answer: Abstain) -> None:
        phase = case.incident.phase
        log.info("incident %d: phase %d has nothing: %s", case.incident.id, phase, answer.reason)
        if phase < LAST_PHASE:
            handoff = passed_on(case, answer.reason, answer)
            self._desk.hand_off(case.incident.id, handoff, phase + 1)
            self._store.hand_off(case.incident.id, handoff)
        else:
            self.escalate(case, f"three phases found no fix: {answer.reason}", answer=answer)

    def healed(self, case: Case, ended: Attempt, *, by_person: bool) -> None:
        number, word = case.incident.id, ended.detail
        for question in (said for name, said in case.facts().items() if name.startswith(_REVIEW)):
            self._desk.review(number, question)  # before the end, so that a death in between asks twice and not never
        fixed = partial(self._store.close, number, Status.FIXED, phase=ended.phase, fix_successful=not by_person, resolution=word)
        self.end(case, ended, fixed)
        self._desk.went_away(number, f"healed: {word}", healed_in=ended.phase)
        log.info("incident %d healed in phase %d after %.1f s", number, ended.phase, self._view.now() - case.incident.opened_at)

    def end(self, case: Case, ended: Attempt, move: Callable[[], None]) -> None:
        """The ending, what is learned from it, and where the case goes: all of it or nothing, whenever a death comes."""
        outcome = ended.outcome or Outcome.INTERRUPTED  # never None here: `ended_as` made it
        learned = self._lessons(case, ended)

        def write() -> None:
            self._store.end_attempt(ended.id, outcome, ended.detail)
            self._learn(case, ended)
            self._store.remember(case, learned)
            move()

        self._store.together(write)

    def _lessons(self, case: Case, ended: Attempt) -> tuple[Lesson, ...]:
        """What it proves right or wrong of what the experts have said since the last plan was carried out; the minutes have it first."""
        number = case.incident.id
        carried_out = (attempt.began_at for attempt in case.tried if attempt.executed and attempt.id < ended.id)
        try:
            said = self._desk.said(number, max(case.incident.opened_at, *carried_out, 0.0))
            if learned := lessons(said, ended):  # before the end, so that a death in between says it twice and not never
                self._desk.proved(number, learned)
        except StoreFailed as trouble:  # what nobody learns from is an ending all the same
            log.warning("incident %d: the experts learn nothing from it: %s", number, trouble)
            return ()
        return learned

    def _learn(self, case: Case, ended: Attempt) -> None:
        """From every ending. A healed plan of low or medium risk becomes a pattern; what did not help counts against one."""
        proposal = ended.proposal
        pattern_id = int(proposal.origin.removeprefix("pattern:")) if proposal.origin.startswith("pattern:") else None
        if ended.outcome is Outcome.HEALED:
            if pattern_id is None and may_teach(proposal, case):
                pattern_id = self._store.teach(case.incident.signature, proposal.plan, proposal.origin or proposal.proposer)
            if pattern_id is not None:
                self._store.credit(pattern_id, "win")
        elif pattern_id is not None and ended.outcome in (Outcome.NO_EFFECT, Outcome.ROLLED_BACK, Outcome.STRANDED):
            self._store.credit(pattern_id, "loss")

    def gone(self, case: Case) -> None:
        """It went away by itself. Symptoms that still stand become incidents of their own."""
        number = case.incident.id
        self._store.release_symptoms(number, [symptom.key for symptom in look(case, self._view, self.config).standing])
        self._store.close(number, Status.CLEARED, phase=case.incident.phase, fix_successful=None, resolution="it went away by itself")
        self._desk.went_away(number, "it went away by itself")
        log.info("incident %d went away by itself", number)

    def ask(self, case: Case, attempt: Attempt) -> None:
        """A person is asked; no worker waits for the answer."""
        proposal, reason = attempt.proposal, attempt.verdict.reason
        asked = ended_as(attempt, Outcome.ASKED, reason)
        self._desk.hand_off(case.incident.id, passed_on(case, reason, proposal), PERSON)
        escalation_id = self._desk.escalate(
            case.incident,
            reason,
            body=story(self.fresh(case, asked)),
            kind="approval",
            question=f"{proposal.cause}. May this be done?",
            proposal=proposal,
            expires_at=self._view.now() + _APPROVAL_SECONDS,
        )
        self.end(case, asked, partial(self._store.ask, case.incident.id, f"a person's word: {reason}"))
        self._second_look.note(case, self.config)
        self._log_escalated(case, escalation_id, reason)

    def escalate(
        self,
        case: Case,
        reason: str,
        *,
        kind: Kind = "escalation",
        answer: Answer | None = None,
        ended: Attempt | None = None,
        watched: bool = True,
    ) -> None:
        """The escalation is written first, then the row: a death between the two is mended at the next start.

        `answer`: what its phase said last. `ended`: the attempt whose ending brought it here. `watched`: it becomes due again
        when its evidence changes.
        """
        expires_at = self._view.now() + _APPROVAL_SECONDS if kind == "decision" else None
        asks = reason if kind == "input" else ""
        fresh = self.fresh(case, ended)
        self._desk.hand_off(case.incident.id, passed_on(fresh, reason, ended.proposal if ended else answer), PERSON)
        escalation_id = self._desk.escalate(case.incident, reason, body=story(fresh), kind=kind, question=asks, expires_at=expires_at)
        move = partial(self._store.escalated, case.incident.id, reason=reason)
        if ended:
            self.end(case, ended, move)
        else:
            move()
        if watched:
            self._second_look.note(case, self.config)
        self._log_escalated(case, escalation_id, reason)

    def relapsed(self, number: int) -> None:
        """A healed fault is back within the relapse time: its credit is revoked, and too often is a person's business."""
        if (pattern_id := self._store.pattern_of(number)) is not None:
            self._store.credit(pattern_id, "relapse")
        self._store.revoke_memories(number)
        self._desk.came_back(number)
        case = self._store.case(number)
        if case and case.incident.occurrences > RELAPSE_BUDGET and not hands_off(case, self._view, self._store, self.config):
            heals = [heal for heal in self._store.heals(case.incident.detected_at) if heal.incident == number]
            told = pattern(heals) if heals else f"healed {case.incident.occurrences - 1} times"
            self.escalate(case, f"it was {told}, and came back each time", watched=False)

    def fresh(self, case: Case, ended: Attempt | None = None) -> Case:
        """As stored now, with the ending of an attempt that is written only after it was told."""
        fresh = self._store.case(case.incident.id) or case
        tried = tuple(ended if ended and attempt.id == ended.id else attempt for attempt in fresh.tried)
        return fresh.model_copy(update={"scope": case.scope, "candidates": case.candidates, "tried": tried})

    def _log_escalated(self, case: Case, escalation_id: int, reason: str) -> None:
        log.warning("PHASE 4 (%s) incident %d", Phase.ESCALATION, case.incident.id)
        log.warning("LOCALLY ESCALATED incident %d as escalation %d: %s", case.incident.id, escalation_id, reason)
