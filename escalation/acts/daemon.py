"""Acts on incidents, patterns, windows and the host: each is a decision that the daemon takes up."""

import json
import time
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from escalation.acts.act import Act, Done, Of, Plan, Said, Seconds, Undo
from escalation.words import Unknown
from orchestrator.model import Json, is_unit
from orchestrator.store.words import FACT_CHARACTERS

if TYPE_CHECKING:
    from escalation.operator import Operator

Signature = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]


class Retry(Act):
    """Let the daemon try it anew from phase 1: a plan that had its turn may have another, and what expired is asked afresh."""

    of: ClassVar[Of] = "incident"
    verb: ClassVar[str] = "retry"

    def perform(self, operator: "Operator", number: int) -> Done:
        operator.incident(number)
        return operator.decide("retry", {"task_id": number})


class Silence(Act):
    """Leave this one fault alone for a while, and tell nobody of it: neither healed nor escalated until then."""

    of: ClassVar[Of] = "incident"
    verb: ClassVar[str] = "silence"
    seconds: Seconds
    reason: Said

    def perform(self, operator: "Operator", number: int) -> Done:
        until, key = time.time() + self.seconds, str(operator.incident(number)["key"])
        done = operator.opened(operator.decide("silence", {"key": key, "until": until, "reason": self.reason}))
        snoozed = None if done.refused else operator.snooze_too(number, until)
        more = f"; escalation {snoozed} is snoozed as long" if snoozed else ""
        return done.model_copy(update={"text": done.text + more})


class Pause(Act):
    """Hands off a service, or the whole host, while people work on it. It always ends by itself."""

    of: ClassVar[Of] = "host"
    verb: ClassVar[str] = "pause"
    service: str = ""
    """A declared name, or a unit's full one; nothing is the whole host."""
    seconds: Seconds
    begins_in: float = Field(0.0, ge=0, le=366 * 86_400)
    reason: Said

    def perform(self, operator: "Operator", number: int) -> Done:
        del number
        begins_at = time.time() + self.begins_in
        args = {"service": _as_known(operator, self.service), "until": begins_at + self.seconds, "reason": self.reason}
        planned = {"begins_at": begins_at} if self.begins_in else {}
        return operator.opened(operator.decide("pause", {**args, **planned}))


class Resume(Act):
    """End the maintenance of a service, or of the whole host, early."""

    of: ClassVar[Of] = "host"
    verb: ClassVar[str] = "resume"
    service: str = ""

    def perform(self, operator: "Operator", number: int) -> Done:
        del number
        return operator.decide("resume", {"service": _as_known(operator, self.service)})


class End(Act):
    """End a window early: what stands is healed or escalated from now on."""

    of: ClassVar[Of] = "window"
    verb: ClassVar[str] = "end"

    def perform(self, operator: "Operator", number: int) -> Done:
        window = operator.window(number)
        done = operator.decide("end", {"window_id": number})
        woken = () if done.refused else operator.wake(window)
        more = "".join(f"; escalation {escalation} is no longer snoozed" for escalation in woken)
        return done.model_copy(update={"text": done.text + more})


class Trust(Act):
    """Use it before anything else, until it loses."""

    of: ClassVar[Of] = "pattern"
    verb: ClassVar[str] = "trust"
    undo: ClassVar[str] = "weigh"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide("trust", {"pattern_id": operator.pattern(number)["id"]})


class Demote(Act):
    """Keep it and its record, and do not use it."""

    of: ClassVar[Of] = "pattern"
    verb: ClassVar[str] = "demote"
    undo: ClassVar[str] = "weigh"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide("demote", {"pattern_id": operator.pattern(number)["id"]})


class Weigh(Act):
    """Take your word on it back: its record alone says how far it is trusted."""

    of: ClassVar[Of] = "pattern"
    verb: ClassVar[str] = "weigh"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide("weigh", {"pattern_id": operator.pattern(number)["id"]})


class Forget(Act):
    """Remove it with its record. Taught again it begins anew, on probation."""

    of: ClassVar[Of] = "pattern"
    verb: ClassVar[str] = "forget"

    def perform(self, operator: "Operator", number: int) -> Done:
        known = operator.pattern(number)
        done = operator.decide("forget", {"pattern_id": number})
        again = Undo(of="host", verb="teach", fields={"signature": known["signature"], "plan": json.loads(known["plan"])})
        return done if done.refused else done.model_copy(update={"undo": again})


class Teach(Act):
    """Write down what heals a kind of fault. It starts on probation, like what the daemon learned itself."""

    of: ClassVar[Of] = "host"
    verb: ClassVar[str] = "teach"
    task_id: int | None = Field(None, ge=1, le=2**63 - 1)
    """The kind of fault of this incident; or else:"""
    signature: Signature | None = None
    plan: Plan = Field(min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.task_id is None) == (self.signature is None):
            raise ValueError("say which kind of fault: either an incident's number (task_id), or a signature")
        return self

    def perform(self, operator: "Operator", number: int) -> Done:
        del number
        about: Json = {"task_id": self.task_id} if self.signature is None else {"signature": self.signature}
        if self.task_id is not None:
            operator.incident(self.task_id)
        return operator.decide("teach", {**about, "plan": list(self.plan)})


class ForgetMemory(Act):
    """Remove it with its record: the expert is not told of it again, until another ending teaches the same."""

    of: ClassVar[Of] = "memory"
    verb: ClassVar[str] = "forget"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.decide("forget_memory", {"memory_id": operator.memory(number)["id"]})


class CorrectMemory(Act):
    """Put your words in place of the expert's; the record stays, and no ending changes the words again."""

    of: ClassVar[Of] = "memory"
    verb: ClassVar[str] = "correct"
    fact: Annotated[Said, StringConstraints(max_length=FACT_CHARACTERS)]
    his: bool = False
    """They are the expert's own again, as when a correction is taken back: a person's are told to a model as they stand, and his
    may quote a log."""

    def perform(self, operator: "Operator", number: int) -> Done:
        known = operator.memory(number)
        done = operator.decide("correct_memory", {"memory_id": number, "fact": self.fact, "his": self.his})
        back = Undo(of="memory", verb="correct", number=number, fields={"fact": known["fact"], "his": not known["said_by"]})
        return done if done.refused else done.model_copy(update={"undo": back})


def _as_known(operator: "Operator", service: str) -> str:
    """As the daemon knows it: a mistyped name would be a maintenance of nothing."""
    if not service:
        return ""
    declared = operator.config.service_of(service)
    if declared:
        return declared.name
    if is_unit(service):
        return service
    raise Unknown(f"{service!r} is neither declared in the configuration nor the full name of a unit (shop.service)")


ACTS = (Retry, Silence, Pause, Resume, End, Trust, Demote, Weigh, Forget, Teach, ForgetMemory, CorrectMemory)
