"""Acts that answer what the daemon asks: it takes them up, looks again, and acts."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from escalation.acts.act import Act, Done, EscalationAct, Hash, Of, Plan, Said, Text
from escalation.words import Unknown
from orchestrator.actions import parse
from orchestrator.store import Stale

if TYPE_CHECKING:
    from escalation.operator import Operator


class Approve(EscalationAct):
    """Let the plan run that was shown: that one and no other, after a look whether the fault still stands."""

    verb: ClassVar[str] = "approve"
    hash: Hash

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide_on(self, number, "approve", operator.shown(number, self.hash), hash=self.hash)


class Edit(EscalationAct):
    """Let another plan run in place of the one that was shown. It stays within the incident's scope, and the policy is asked."""

    verb: ClassVar[str] = "edit"
    hash: Hash
    plan: Plan = Field(min_length=1)

    def perform(self, operator: "Operator", number: int) -> Done:
        allowed = tuple(map(parse, self.plan))
        return operator.decide_on(self, number, "edit", allowed, hash=self.hash, plan=list(self.plan))


class Choose(EscalationAct):
    """The experts do not agree: let this one of their plans run."""

    verb: ClassVar[str] = "choose"
    hash: Hash

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide_on(self, number, "choose", operator.shown(number, self.hash), hash=self.hash)


class Reject(EscalationAct):
    """The plan must not run; the incident stays with you."""

    verb: ClassVar[str] = "reject"
    reason: Said

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide_on(self, number, "reject", reason=self.reason)


class Answer(EscalationAct):
    """Answer the question that is open; the case is tried anew with what you know."""

    verb: ClassVar[str] = "answer"
    text: Said

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide_on(self, number, "answer", text=self.text)


class Judge(Act):
    """Your word on a fix that was doubtful: a wrong one counts against what healed it."""

    of: ClassVar[Of] = "intervention"
    verb: ClassVar[str] = "judge"
    right: bool
    text: Text = ""

    def perform(self, operator: "Operator", number: int) -> Done:
        asked = operator.question(number)
        if asked["kind"] != "review":
            raise Unknown(f"there is no review {number}; question {number} asks for {asked['kind']}")
        if asked["status"] != "pending":
            raise Stale(f"review {number} moved on: it is {asked['status']}")
        return operator.decide("judge", {"intervention_id": number, "right": self.right, "text": self.text})


ACTS = (Approve, Edit, Choose, Reject, Answer, Judge)
