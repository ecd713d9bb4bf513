"""One phase of one case a step: stand down or look again, gather, ask the phase, ask the policy, act, prove, learn, move."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from escalation import Desk, Kind, story
from orchestrator.checks import alert, log_flood, log_pattern
from orchestrator.checks.recurring import pattern
from orchestrator.config import Config
from orchestrator.engine.claims import Claims
from orchestrator.engine.handoffs import PERSON, passed_on
from orchestrator.engine.look import look, stands
from orchestrator.engine.second_look import SecondLook
from orchestrator.engine.settling import READY_SECONDS, Settling
from orchestrator.engine.surroundings import hands_off, surroundings
from orchestrator.hands import Hands
from orchestrator.host import View
from orchestrator.knowledge.candidates import as_evidence, candidates
from orchestrator.knowledge.evidence import gather
from orchestrator.knowledge.memory import lessons
from orchestrator.model import (
    Abstain,
    Action,
    Answer,
    Attempt,
    Case,
    Fault,
    HandOver,
    Minute,
    Mode,
    Outcome,
    Phase,
    Proposal,
    Status,
    is_unit,
)
from orchestrator.policy import HOUR, History, judge, may_teach, stand_down
from orchestrator.store import Stale, Store, StoreFailed
from orchestrator.store.times import moment

log = logging.getLogger(__name__)

LAST_PHASE = 3
_STAND_DOWN_LOOK_SECONDS = 2.0
_STAND_DOWN_TOLD_SECONDS = 3600.0
"""A fault that others keep us from for an hour is told to a person: waiting must not become silence."""
_WINDOW_LOOK_SECONDS = 60.0
_MODE_LOOK_SECONDS = 3600.0
_TROUBLE_SECONDS = 30.0
_JOB_SECONDS, _JOB_PAUSE_SECONDS = 3.0, 0.1
_APPROVAL_SECONDS = 24 * 3600.0
_REVIEW = "review."
"""Facts that a person has to hear of although the fix worked."""
PROVING = "it is being proved"
RELAPSE_BUDGET = 3
"""A fault that was healed so often and came back within `relapse_seconds` each time is a person's."""


class Thinker(Protocol):
    """One phase, as the engine sees it."""

    def propose(self, case: Case, view: View, deadline: float) -> Answer: ...


class Engine:
    def __init__(self, config: Config, view: View, store: Store, desk: Desk, hands: Hands, phases: Mapping[int, Thinker]) -> None:
        self._view = view
        self._store = store
        self._desk = desk
        self._hands = hands
        self._phases = phases
        self._settling = Settling(config, view, store, hands)
        self._claims = Claims(view, store)
        self._second_look = SecondLook(view, store, desk)
        self.config = config
        self.booting = False
        """Set by the daemon while the grace after the host's boot lasts."""

    def reload(self, config: Config, phases: Mapping[int, Thinker]) -> None:
        self.config = self._settling.config = config
        self._phases = phases

    def claim_due(self, now: float, has_room: Callable[[Case], bool]) -> Iterator[Case]:
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
                self._settle(case, attempt)
            else:
                self._store.scope(number, case.scope)
                self._advance(case)
        except Stale as moved_on:
            log.info("incident %d moved on meanwhile: %s", number, moved_on)
        except StoreFailed as trouble:
            log.error("incident %d: nothing can be written, so nothing is changed: %s", number, trouble)  # noqa: TRY400  # one line for an operator
            time.sleep(1.0)  # the only brake there is: the row cannot be told to wait
        except Exception:
            log.exception("incident %d: our own trouble", number)
            self._trouble(number)
        finally:
            self._claims.let_go(number)

    def _trouble(self, number: int) -> None:
        try:
            self._store.wait(number, self._view.now() + _TROUBLE_SECONDS, "our own trouble: see the daemon's log")
        except (Stale, StoreFailed) as more:
            log.warning("incident %d: %s", number, more)

    # ---- one phase ---------------------------------------------------------------------------------------------------

    def _advance(self, case: Case) -> None:
        number, phase = case.incident.id, case.incident.phase
        if self._must_wait(case):
            return
        standing = stands(case, self._view, self.config)
        if isinstance(standing, str):
            self._store.wait(number, self._view.now() + _STAND_DOWN_LOOK_SECONDS, f"its check cannot tell: {standing}")
            return
        if not standing:
            self._gone(case)
            return
        deadline = time.monotonic() + self._budget(phase)
        case = self._gather(case, deadline)
        log.info("PHASE %d (%s) incident %d: %s", phase, Phase.numbered(phase), number, case.fault.message)
        self._store.begin_phase(number, phase)
        answer = self._think(case, deadline)
        self._answer(self._with_looks(case, answer), answer, deadline)

    def _must_wait(self, case: Case) -> bool:
        """Law 4, and the modes that only watch."""
        now = self._view.now()
        if self.config.mode_of(case.fault.target) is Mode.OBSERVE:
            self._store.wait(case.incident.id, now + _MODE_LOOK_SECONDS, "mode is observe")
            return True
        around = surroundings(case, self._view, self._store, self.config, booting=self.booting)
        reason = stand_down(case.fault, around)
        if reason and not around.maintenance and now - case.incident.opened_at > _STAND_DOWN_TOLD_SECONDS:
            self.escalate(case, f"it stands for an hour, and was left alone all the time because {reason}")
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
        looked = (item for item in self._fresh(case).evidence if item.id not in known)
        return case.model_copy(update={"evidence": (*case.evidence, *looked)})

    def _answer(self, case: Case, answer: Answer, deadline: float) -> None:
        if answer.minutes:
            self._desk.minutes(case.incident.id, answer.minutes)
        match answer:
            case Proposal():
                self._attempt(case, answer, deadline)
            case HandOver():
                self.escalate(case, answer.reason, kind=answer.kind, answer=answer)
            case Abstain():
                self._hand_off(case, answer)

    def _hand_off(self, case: Case, answer: Abstain) -> None:
        phase = case.incident.phase
        log.info("incident %d: phase %d has nothing: %s", case.incident.id, phase, answer.reason)
        if phase < LAST_PHASE:
            handoff = passed_on(case, answer.reason, answer)
            self._desk.hand_off(case.incident.id, handoff, phase + 1)
            self._store.hand_off(case.incident.id, handoff)
        else:
            self.escalate(case, f"three phases found no fix: {answer.reason}", answer=answer)

    # ---- one attempt -------------------------------------------------------------------------------------------------

    def _attempt(self, case: Case, proposal: Proposal, deadline: float) -> None:
        """The policy speaks first; then each change is on disk as begun before anything moves."""
        number, now = case.incident.id, self._view.now()
        verdict = judge(proposal, case, self.config, self._history(case, now), now)
        attempt = Attempt(
            id=self._store.begin_attempt(number, case.incident.phase, proposal, verdict, now),
            phase=case.incident.phase,
            proposal=proposal,
            verdict=verdict,
            began_at=now,
        )
        log.info(
            "incident %d: %s proposes %s (%s): %s by rule %s",
            number,
            proposal.proposer,
            "; ".join(action.about() for action in proposal.plan),
            proposal.cause,
            verdict.answer,
            verdict.rule,
        )
        match verdict.answer:
            case "deny":
                self._denied(case, attempt)
            case "ask":
                self._ask(case, attempt)
            case "allow":
                self._carry_out(case, attempt, deadline)

    def _history(self, case: Case, now: float) -> History:
        executed = sum(attempt.executed and now - attempt.began_at < HOUR for attempt in case.tried)
        return History(
            target_changes=self._store.changes_since(now - HOUR, case.fault.key),
            host_changes=self._store.changes_since(now - HOUR),
            target_attempts=executed,
        )

    def _denied(self, case: Case, attempt: Attempt) -> None:
        number, now, verdict = case.incident.id, self._view.now(), attempt.verdict
        denied = _ended(attempt, Outcome.DENIED, f"{verdict.rule}: {verdict.reason}")
        if case.approved and attempt.proposal.hash == case.approved.hash:  # it was allowed when the person said so
            self.escalate(case, f"the approved plan must not run now: {verdict.reason}", ended=denied)
        elif verdict.rule == "mode-watching":
            later = partial(self._store.wait, number, now + _MODE_LOOK_SECONDS, "mode is suggest: see what it would do")
            self._end(case, _ended(attempt, Outcome.SUGGESTED, verdict.reason), later)
        elif verdict.rule == "danger" or verdict.rule.startswith("breaker"):
            self.escalate(case, verdict.reason, ended=denied)
        else:
            self._end(case, denied, partial(self._store.retry, number, case.incident.phase, now))

    def _ask(self, case: Case, attempt: Attempt) -> None:
        """A person is asked; no worker waits for the answer."""
        proposal, reason = attempt.proposal, attempt.verdict.reason
        asked = _ended(attempt, Outcome.ASKED, reason)
        self._desk.hand_off(case.incident.id, passed_on(case, reason, proposal), PERSON)
        escalation_id = self._desk.escalate(
            case.incident,
            reason,
            body=story(self._fresh(case, asked)),
            kind="approval",
            question=f"{proposal.cause}. May this be done?",
            proposal=proposal,
            expires_at=self._view.now() + _APPROVAL_SECONDS,
        )
        self._end(case, asked, partial(self._store.ask, case.incident.id, f"a person's word: {reason}"))
        self._second_look.note(case, self.config)
        self._log_escalated(case, escalation_id, reason)

    def _carry_out(self, case: Case, begun: Attempt, deadline: float) -> None:
        """Each action: does anything stand against it now, remember, perform, verify. The first that fails ends the plan."""
        failed = ""
        for n, action in enumerate(begun.proposal.plan, 1):
            if time.monotonic() > deadline:
                failed = f"the phase's time was used up before: {action.about()}"
            elif refusal := self._refusal(action):
                failed = f"{action.about()}: {refusal}"
            else:
                before = action.remember(self._view)
                change_id = self._store.begin_change(begun.id, n, action, before)
                result = self._hands.perform(change_id, action.model_dump(mode="json"))
                if result["ok"]:
                    self._store.change_done(change_id)
                failed = action.verify(self._view) if result["ok"] else f"{action.about()}: {result['detail']}"
            if failed:
                log.info("incident %d: %s", case.incident.id, failed)
                break
        if not failed:
            log_pattern.seen_to(self._view, self.config, case.scope)
            log_flood.seen_to(self._view, case.scope)
            alert.seen_to(self._view, self.config, case.scope)
        now = self._view.now()
        patience = READY_SECONDS + sum(action.patience for action in begun.proposal.plan)
        self._store.settle(begun.id, ready_by=now if failed else now + patience)
        fresh = self._fresh(case)
        attempt = fresh.open_attempt
        if attempt:
            self._settle(fresh, attempt)
        else:  # nothing was begun: the host itself refused
            self._end(case, _ended(begun, Outcome.DENIED, failed), partial(self._store.retry, case.incident.id, case.incident.phase, now))

    def _refusal(self, action: Action) -> str:
        """Why not now. A job of systemd's own, as in a crash loop, is over in a moment, and is waited for."""
        until = time.monotonic() + _JOB_SECONDS
        while refusal := action.refusal(self._view, self.config):
            busy = any(self._view.units.get(target).job_id for target in action.targets() if is_unit(target))
            if not busy or time.monotonic() > until:
                break
            time.sleep(_JOB_PAUSE_SECONDS)
        return refusal

    # ---- the proof ---------------------------------------------------------------------------------------------------

    def _settle(self, case: Case, attempt: Attempt) -> None:
        settled = self._settling.settle(case, attempt)
        if settled.outcome is None:
            until = f", until {moment(settled.proved_at)}" if settled.proved_at else ""
            self._store.wait(case.incident.id, settled.again_at, f"{PROVING}{until}")
            return
        log.info("incident %d: %s: %s", case.incident.id, settled.outcome, settled.detail)
        self._move(case, _ended(attempt, settled.outcome, settled.detail), settled.next_fault)

    def _move(self, case: Case, ended: Attempt, next_fault: Fault | None) -> None:
        number = case.incident.id
        by_person = case.approved is not None and ended.proposal.hash == case.approved.hash
        again = partial(self._store.retry, number, case.incident.phase, self._view.now())
        match ended.outcome:
            case Outcome.HEALED:
                self._healed(case, ended, by_person=by_person)
            case Outcome.PROGRESS if next_fault:
                try:
                    self._end(case, ended, partial(self._store.progress, number, next_fault))
                except Stale:  # another incident has that in hand, and this one's own fault is gone
                    self._end(case, ended, again)
            case Outcome.STRANDED | Outcome.UNPROVEN:
                self.escalate(case, f"{ended.outcome}: {ended.detail}", ended=ended)
            case _ if by_person:
                self.escalate(case, f"the approved plan did not help: {ended.detail}", ended=ended)
            case _:
                self._end(case, ended, again)

    def _healed(self, case: Case, ended: Attempt, *, by_person: bool) -> None:
        number, word = case.incident.id, ended.detail
        for question in (said for name, said in case.facts().items() if name.startswith(_REVIEW)):
            self._desk.review(number, question)  # before the end, so that a death in between asks twice and not never
        fixed = partial(self._store.close, number, Status.FIXED, phase=ended.phase, fix_successful=not by_person, resolution=word)
        self._end(case, ended, fixed)
        self._desk.went_away(number, f"healed: {word}", healed_in=ended.phase)
        log.info("incident %d healed in phase %d after %.1f s", number, ended.phase, self._view.now() - case.incident.opened_at)

    def _end(self, case: Case, ended: Attempt, move: Callable[[], None]) -> None:
        """The ending, what is learned from it, and where the case goes: all of it or nothing, whenever a death comes."""
        outcome = ended.outcome or Outcome.INTERRUPTED  # never None here: `_ended` made it
        learned = lessons(self._said(case, ended), ended)
        if learned:  # before the end, so that a death in between says it twice and not never
            self._desk.proved(case.incident.id, learned)

        def write() -> None:
            self._store.end_attempt(ended.id, outcome, ended.detail)
            self._learn(case, ended)
            self._store.remember(case, learned)
            move()

        self._store.together(write)

    def _said(self, case: Case, ended: Attempt) -> tuple[Minute, ...]:
        """By the experts, since the last plan was carried out: what an ending proves right or wrong."""
        carried_out = (attempt.began_at for attempt in case.tried if attempt.executed and attempt.id < ended.id)
        try:
            return self._desk.said(case.incident.id, max(case.incident.opened_at, *carried_out, 0.0))
        except StoreFailed as trouble:  # what nobody learns from is an ending all the same
            log.warning("incident %d: the experts learn nothing from it: %s", case.incident.id, trouble)
            return ()

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

    def _gone(self, case: Case) -> None:
        """It went away by itself. Symptoms that still stand become incidents of their own."""
        number = case.incident.id
        self._store.release_symptoms(number, [symptom.key for symptom in look(case, self._view, self.config).standing])
        self._store.close(number, Status.CLEARED, phase=case.incident.phase, fix_successful=None, resolution="it went away by itself")
        self._desk.went_away(number, "it went away by itself")
        log.info("incident %d went away by itself", number)

    # ---- a person ----------------------------------------------------------------------------------------------------

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
        fresh = self._fresh(case, ended)
        self._desk.hand_off(case.incident.id, passed_on(fresh, reason, ended.proposal if ended else answer), PERSON)
        escalation_id = self._desk.escalate(case.incident, reason, body=story(fresh), kind=kind, question=asks, expires_at=expires_at)
        move = partial(self._store.escalated, case.incident.id, reason=reason)
        if ended:
            self._end(case, ended, move)
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

    def _fresh(self, case: Case, ended: Attempt | None = None) -> Case:
        """As stored now, with the ending of an attempt that is written only after it was told."""
        fresh = self._store.case(case.incident.id) or case
        tried = tuple(ended if ended and attempt.id == ended.id else attempt for attempt in fresh.tried)
        return fresh.model_copy(update={"scope": case.scope, "candidates": case.candidates, "tried": tried})

    def _log_escalated(self, case: Case, escalation_id: int, reason: str) -> None:
        log.warning("PHASE 4 (%s) incident %d", Phase.ESCALATION, case.incident.id)
        log.warning("LOCALLY ESCALATED incident %d as escalation %d: %s", case.incident.id, escalation_id, reason)


def _had_its_turn(case: Case, proposal: Proposal) -> bool:
    """Whether this very plan was carried out since the fault was seen, or since a person let it have another turn."""
    carried_out = (attempt for attempt in case.tried if attempt.executed and attempt.began_at >= case.incident.retried_at)
    return any(attempt.proposal.hash == proposal.hash for attempt in carried_out)


def _ended(attempt: Attempt, outcome: Outcome, detail: str) -> Attempt:
    return attempt.model_copy(update={"outcome": outcome, "detail": detail})
