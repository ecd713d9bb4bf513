"""What people answered to a question of the daemon's. The policy is asked before anything becomes due, and again when it runs."""

import time
from collections.abc import Callable

from escalation import APPROVED_SECONDS, AnswerStatus, Desk, Intervention
from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.hands.seam import AnyHands
from orchestrator.model import Action, Case, Evidence, Proposal, Stage, epoch
from orchestrator.policy import History, judge
from orchestrator.store import Click, Stale, Store


class ClickRefused(Exception):
    """What was asked cannot be done; the message tells the person why."""


class Answers:
    """Each verb runs inside the transaction that also answers its click: what a death cuts short comes again as it was.

    The desk has a file of its own, so that its word may be there already: then it is that of the click which comes again.
    """

    def __init__(self, store: Store, desk: Desk, config: Config, hands: AnyHands | None = None) -> None:
        """`hands`: where they are this process. Others have heard of an approval from the person himself, before the click was left."""
        self._store = store
        self._desk = desk
        self._hands = hands
        self.config = config

    @property
    def verbs(self) -> dict[str, Callable[[Click], str]]:
        return {
            "approve": self._approve,
            "edit": self._edit,
            "choose": self._choose,
            "reject": self._reject,
            "answer": self._answer,
            "judge": self._judge,
        }

    # ---- a plan may run ----------------------------------------------------------------------------------------------

    def _approve(self, click: Click) -> str:
        """The plan runs exactly as it was shown: the hash must be that of the question that is open now."""
        question = self._question(click, "approved")
        if question.proposal is None or question.hash != click.args["hash"]:
            raise ClickRefused("the plan is not the one that was shown; look again")
        return self._let_run(click, question, question.proposal)

    def _edit(self, click: Click) -> str:
        """Another plan than the one that was shown, in a person's own words; what was asked about is kept as it was."""
        question = self._question(click, "approved")
        shown = {question.hash, *(option.hash for option in question.options)} - {""}
        if click.args["hash"] not in shown:
            raise ClickRefused("the plan is not the one that was shown; look again")
        plan = tuple(parse(item) for item in click.args["plan"])
        cause = question.proposal.cause if question.proposal else question.question
        evidence_ids = question.proposal.evidence_ids if question.proposal else ()
        return self._let_run(click, question, _by(click, cause, evidence_ids, plan, "person"), "edited")

    def _choose(self, click: Click) -> str:
        """One of the plans that the experts did not agree on."""
        question = self._question(click, "approved")
        chosen = next((option for option in question.options if option.hash == click.args["hash"]), None)
        if chosen is None:
            raise ClickRefused("that is none of the plans that were shown; look again")
        proposal = _by(click, "; ".join(chosen.reasons), chosen.evidence_ids, chosen.plan, ", ".join(chosen.experts))
        return self._let_run(click, question, proposal, "chosen")

    def _let_run(self, click: Click, question: Intervention, proposal: Proposal, how: str = "") -> str:
        # Judged by when it is taken up: a permission that waited for a stopped daemon may be past.
        if question.expires_at and epoch(question.expires_at) < max(click.at, time.time()):
            raise ClickRefused("the permission has expired; the case has not: `retry` asks afresh")
        case = self._live(question.task_id)
        verdict = judge(proposal, case.model_copy(update={"approved": proposal}), self.config, History(), click.at)
        if verdict.answer != "allow":
            raise ClickRefused(f"the policy says {verdict.answer} ({verdict.rule}): {verdict.reason}")
        self._tell_hands(proposal)
        had_its_turn = any(attempt.executed and attempt.proposal.hash == proposal.hash for attempt in case.tried)
        self._store.approve(question.task_id, proposal, again_at=click.at if had_its_turn else None)
        self._say(question, "approved", f"{how}: {_about(proposal)}" if how else "", click, proposal if how else None)
        return f"{how or 'approved'}: {_about(proposal)}; incident {question.task_id} is looked at again, and then exactly this plan runs"

    def _tell_hands(self, proposal: Proposal) -> None:
        if self._hands is None:
            return
        plan = [action.model_dump(mode="json") for action in proposal.plan]
        told = self._hands.approve(plan, time.time() + APPROVED_SECONDS)
        if not told["ok"]:
            raise ClickRefused(f"the hands do not take the approval: {told['detail']}")

    # ---- other answers -----------------------------------------------------------------------------------------------

    def _reject(self, click: Click) -> str:
        question = self._question(click, "rejected")
        reason = str(click.args.get("reason", ""))
        self._store.escalated(question.task_id, reason=f"{click.actor} rejected the plan: {reason or 'no reason given'}")
        self._say(question, "rejected", reason, click)
        return f"rejected: incident {question.task_id} stays with you"

    def _answer(self, click: Click) -> str:
        """What a person knows is evidence, as text alone: it may point, and opens no gate."""
        question = self._question(click, "answered")
        if question.kind != "input":
            wanted = "choose, edit or reject" if question.kind == "decision" else "approve, edit or reject"
            wanted = "take it over; write a note, or `retry`" if question.kind == "escalation" else wanted
            raise ClickRefused(f"it does not ask for words: {wanted}")
        text = str(click.args["text"])
        self._store.add_evidence(question.task_id, (Evidence(source=f"person {click.actor}", text=text[:20_000], at=click.at),))
        self._store.anew(question.task_id, click.at)
        self._say(question, "answered", text, click)
        return f"noted: incident {question.task_id} is tried anew with what you said"

    def _judge(self, click: Click) -> str:
        """A fix with doubts: right closes the question; wrong is a word against what healed it."""
        number = int(click.args["intervention_id"])
        question = self._desk.intervention(number)
        if question is None or question.kind != "review":
            raise ClickRefused(f"there is no review {number}")
        right, text = bool(click.args["right"]), str(click.args.get("text", ""))
        said = f"{'right' if right else 'wrong'}{': ' + text if text else ''}"
        if question.status != "pending" and (question.status, question.actor, question.answer) != ("answered", click.actor, said):
            raise ClickRefused(f"review {number} is {question.status}")
        pattern = None if right else self._store.pattern_of(question.task_id)
        if not right:
            words = f"the fix was judged wrong by {click.actor}{': ' + text if text else ''}"
            self._store.add_evidence(question.task_id, (Evidence(source=f"person {click.actor}", text=words[:20_000], at=click.at),))
        if pattern is not None:
            self._store.set_stage(pattern, Stage.DEMOTED, click.actor)
        self._say(question, "answered", said, click)
        more = f", and pattern {pattern} is demoted" if pattern is not None else ""
        return f"noted: the fix of incident {question.task_id} was {'right' if right else 'wrong'}{more}"

    # ---- questions ---------------------------------------------------------------------------------------------------

    def _question(self, click: Click, status: AnswerStatus) -> Intervention:
        """The open question that the click answers; after a death also the one that it had answered just before."""
        number = int(click.args["escalation_id"])
        escalation = self._desk.find(number)
        if escalation is None:
            raise ClickRefused(f"there is no escalation {number}")
        question = self._desk.pending(escalation.task_id) or self._desk.answered(escalation.task_id, status, click.actor, since=click.at)
        if question is None:
            raise ClickRefused(f"escalation {number} has no open question")
        return question

    def _say(self, question: Intervention, status: AnswerStatus, words: str, click: Click, decided: Proposal | None = None) -> None:
        """The desk's word comes last: until then nothing but a transaction that is undone has changed."""
        if question.status == "pending" and not self._desk.answer(question.id, status, words, click.actor, decided=decided):
            raise Stale("the question was answered or withdrawn meanwhile")

    def _live(self, task_id: int) -> Case:
        case = self._store.case(task_id)
        if case is None:
            raise ClickRefused(f"incident {task_id} is gone")
        return case


def _by(click: Click, cause: str, evidence_ids: tuple[int, ...], plan: tuple[Action, ...], proposer: str) -> Proposal:
    return Proposal(cause=cause, evidence_ids=evidence_ids, plan=plan, proposer=proposer, origin=f"person:{click.actor}")


def _about(proposal: Proposal) -> str:
    return "; ".join(action.about() for action in proposal.plan)
