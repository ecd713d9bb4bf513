"""One attempt: the policy speaks, each change is on disk as begun before anything moves, and a look again proves what it did."""

import logging
import time
from collections.abc import Callable
from functools import partial

from orchestrator.checks import alert, log_flood, log_pattern
from orchestrator.config import Config
from orchestrator.engine.endings import Endings, ended_as
from orchestrator.engine.settling import Settling, patience_of
from orchestrator.hands.seam import AnyHands, heard
from orchestrator.host import View
from orchestrator.model import Action, Attempt, Case, Fault, Outcome, Proposal, Verdict
from orchestrator.permits import HOUR, NEEDS_A_PERSON
from orchestrator.policy import History, judge
from orchestrator.store import Stale, Store
from orchestrator.store.times import moment

log = logging.getLogger(__name__)

MODE_LOOK_SECONDS = 3600.0
PROVING = "it is being proved"


class _NeedsAPerson(Exception):
    """The hands want an approval that they heard themselves; the message says of what."""


class Attempting:
    def __init__(self, config: Config, view: View, store: Store, hands: AnyHands, endings: Endings) -> None:
        self.config = config
        self._view = view
        self._store = store
        self._hands = hands
        self._endings = endings
        self._settling = Settling(config, view, store, hands)

    def reload(self, config: Config) -> None:
        self.config = self._settling.config = config

    def attempt(self, case: Case, proposal: Proposal, deadline: float) -> None:
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
                self._endings.ask(case, attempt)
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
        denied = ended_as(attempt, Outcome.DENIED, f"{verdict.rule}: {verdict.reason}")
        if case.approved and attempt.proposal.hash == case.approved.hash:  # it was allowed when the person said so
            self._endings.escalate(case, f"the approved plan must not run now: {verdict.reason}", ended=denied)
        elif verdict.rule == "mode-watching":
            later = partial(self._store.wait, number, now + MODE_LOOK_SECONDS, "mode is suggest: see what it would do")
            self._endings.end(case, ended_as(attempt, Outcome.SUGGESTED, verdict.reason), later)
        elif verdict.rule == "danger" or verdict.rule.startswith("breaker"):
            self._endings.escalate(case, verdict.reason, ended=denied)
        else:
            self._endings.end(case, denied, self._again(case))

    def _carry_out(self, case: Case, begun: Attempt, deadline: float) -> None:
        """Each action: does anything stand against it now, remember, perform, verify. The first that fails ends the plan."""
        failed, wanting = "", ""
        for n, action in enumerate(begun.proposal.plan, 1):
            late = time.monotonic() > deadline
            try:
                failed = f"the phase's time was used up before: {action.about()}" if late else self._do(begun, n, action)
            except _NeedsAPerson as reason:
                failed = wanting = str(reason)
            if failed:
                log.info("incident %d: %s", case.incident.id, failed)
                break
        if not failed:
            log_pattern.seen_to(self._view, self.config, case.scope)
            log_flood.seen_to(self._view, case.scope)
            alert.seen_to(self._view, self.config, case.scope)
        now = self._view.now()
        self._store.settle(begun.id, ready_by=now if failed else now + patience_of(begun.proposal))
        fresh = self._endings.fresh(case)
        attempt = fresh.open_attempt
        if attempt:
            self.settle(fresh, attempt)
        elif wanting:  # whatever was allowed here: the hands have heard of no person's word
            asking = Verdict(answer="ask", rule=NEEDS_A_PERSON, reason=wanting)
            self._endings.ask(case, begun.model_copy(update={"verdict": asking}))
        else:  # nothing was begun: the host itself refused
            self._endings.end(case, ended_as(begun, Outcome.DENIED, failed), self._again(case))

    def _do(self, begun: Attempt, n: int, action: Action) -> str:
        """One action through the hands; why it failed, or nothing. Raises _NeedsAPerson."""
        data = action.model_dump(mode="json")
        prepared = heard(self._hands.prepare(data))
        if prepared["asks"]:
            raise _NeedsAPerson(prepared["refusal"])
        if prepared["refusal"]:
            return f"{action.about()}: {prepared['refusal']}"
        change_id = self._store.begin_change(begun.id, n, action, prepared["before"], prepared["last"])
        result = self._hands.perform(change_id, data)
        self._store.performed(change_id, result)
        if not heard(result)["ok"]:
            return f"{action.about()}: {result['detail']}"
        failed: str = heard(self._hands.verify(data))["failed"]
        return failed

    def settle(self, case: Case, attempt: Attempt) -> None:
        settled = self._settling.settle(case, attempt)
        if settled.outcome is None:
            until = f", until {moment(settled.proved_at)}" if settled.proved_at else ""
            self._store.wait(case.incident.id, settled.again_at, f"{PROVING}{until}")
            return
        log.info("incident %d: %s: %s", case.incident.id, settled.outcome, settled.detail)
        self._move(case, ended_as(attempt, settled.outcome, settled.detail), settled.next_fault)

    def _move(self, case: Case, ended: Attempt, next_fault: Fault | None) -> None:
        number = case.incident.id
        by_person = case.approved is not None and ended.proposal.hash == case.approved.hash
        match ended.outcome:
            case Outcome.HEALED:
                self._endings.healed(case, ended, by_person=by_person)
            case Outcome.PROGRESS if next_fault:
                try:
                    self._endings.end(case, ended, partial(self._store.progress, number, next_fault))
                except Stale:  # another incident has that in hand, and this one's own fault is gone
                    self._endings.end(case, ended, self._again(case))
            case Outcome.STRANDED | Outcome.UNPROVEN:
                self._endings.escalate(case, f"{ended.outcome}: {ended.detail}", ended=ended)
            case _ if by_person:
                self._endings.escalate(case, f"the approved plan did not help: {ended.detail}", ended=ended)
            case _:
                self._endings.end(case, ended, self._again(case))

    def _again(self, case: Case) -> Callable[[], None]:
        """The same phase has it at once: its next plan, or what it says when there is none."""
        return partial(self._store.retry, case.incident.id, case.incident.phase, self._view.now())
