"""Acts that change an escalation at once, and need no daemon."""

import time
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, StringConstraints

from escalation.acts.act import Done, EscalationAct, Plan, Said, Seconds, Undo
from escalation.front import FrontDesk
from escalation.words import Escalation, StillStands
from orchestrator.model import Json, Severity
from orchestrator.store.times import ago, clock

if TYPE_CHECKING:
    from escalation.operator import Operator

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Having(EscalationAct):
    """Somebody has it. It ends by itself, so that nothing is forgotten overnight."""

    seconds: float | None = Field(None, ge=0, le=366 * 86_400)
    """How long; 0 is without an end, and nothing said what the configuration says."""

    def until(self, operator: "Operator") -> float | None:
        seconds = operator.config.escalation.ack_hours * 3600 if self.seconds is None else self.seconds
        return time.time() + seconds if seconds else None


class Ack(Having):
    """You have it for a while; others see your name."""

    verb: ClassVar[str] = "ack"
    undo: ClassVar[str] = "unack"

    def perform(self, operator: "Operator", number: int) -> Done:
        until = self.until(operator)
        return operator.at_desk(self, number, lambda desk: desk.ack(number, operator.actor, until=until, version=self.version))


class Unack(EscalationAct):
    """Nobody has it any more."""

    verb: ClassVar[str] = "unack"
    undo: ClassVar[str] = "ack"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.at_desk(self, number, lambda desk: desk.unack(number, operator.actor, version=self.version))


class Assign(Having):
    """Somebody else has it from now on."""

    verb: ClassVar[str] = "assign"
    owner: Name

    def perform(self, operator: "Operator", number: int) -> Done:
        until, before = self.until(operator), operator.escalation(number).owner
        back = Undo(of=self.of, verb="unack", number=number)
        if before:
            back = Undo(of=self.of, verb="assign", number=number, fields={"owner": before})

        def assign(desk: FrontDesk) -> Escalation:
            return desk.assign(number, self.owner, operator.actor, until=until, version=self.version)

        return operator.at_desk(self, number, assign, undo=back)


class SetSeverity(EscalationAct):
    """How bad it is, in a person's eyes: the list and the mails go by that from now on."""

    verb: ClassVar[str] = "severity"
    severity: Severity

    def perform(self, operator: "Operator", number: int) -> Done:
        back = Undo(of=self.of, verb=self.verb, number=number, fields={"severity": operator.escalation(number).severity})

        def say(desk: FrontDesk) -> Escalation:
            return desk.severity(number, self.severity, operator.actor, version=self.version)

        return operator.at_desk(self, number, say, more=f"; its severity is {self.severity}", undo=back)


class Snooze(EscalationAct):
    """No mail about it for a while, but one that it is over."""

    verb: ClassVar[str] = "snooze"
    undo: ClassVar[str] = "unsnooze"
    seconds: Seconds

    def perform(self, operator: "Operator", number: int) -> Done:
        until = time.time() + self.seconds
        return operator.at_desk(self, number, lambda desk: desk.snooze(number, until, operator.actor, version=self.version))


class Unsnooze(EscalationAct):
    """Mails about it come again."""

    verb: ClassVar[str] = "unsnooze"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.at_desk(self, number, lambda desk: desk.unsnooze(number, operator.actor, version=self.version))


class Note(EscalationAct):
    """Write down what you found."""

    verb: ClassVar[str] = "note"
    text: Said

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.at_desk(self, number, lambda desk: desk.note(number, self.text, operator.actor), more="; the note is written down")


class Look(EscalationAct):
    """You have seen it. What healed while nobody looked leaves its tray."""

    verb: ClassVar[str] = "look"

    def perform(self, operator: "Operator", number: int) -> Done:
        return operator.at_desk(self, number, lambda desk: desk.look(number, operator.actor))


class Resolve(EscalationAct):
    """It is done. While the fault still stands this says so, and wants a second word (`anyway`)."""

    verb: ClassVar[str] = "resolve"
    undo: ClassVar[str] = "reopen"
    resolution: Said
    anyway: bool = False
    plan: Plan = ()
    """What mended it: taught for this kind of fault, for phase 1 to use next time."""

    def perform(self, operator: "Operator", number: int) -> Done:
        task = operator.story_of(number)["task"]
        if task and task["resolved_at"] is None and not self.anyway:
            raise StillStands(f"the fault still stands (seen {ago(task['last_seen'])}): {task['title']}")
        taught = operator.teach_before(self, number, self.plan)
        if taught and taught.refused:
            return taught
        done = operator.at_desk(self, number, lambda desk: desk.resolve(number, self.resolution, operator.actor, version=self.version))
        told = "; ".join(filter(None, (done.text, taught.text, taught.waits))) if taught else done.text
        left = taught.model_dump(include={"waits", "decision"}) if taught else {}
        return done.model_copy(update={"text": told, **left})


class Reopen(EscalationAct):
    """It was not done after all. When the incident itself is over, what is open again is your own reminder."""

    verb: ClassVar[str] = "reopen"
    undo: ClassVar[str] = "resolve"

    def perform(self, operator: "Operator", number: int) -> Done:
        found = operator.story_of(number)
        over = is_over(found["task"])
        again = Undo(of=self.of, verb="resolve", number=number, fields={"resolution": found["escalation"]["resolution"] or "done"})
        more = f"; {over}: it stays open as your own reminder, until you resolve it" if over else ""

        def reopen(desk: FrontDesk) -> Escalation:
            return desk.reopen(number, operator.actor, reminder=bool(over), version=self.version)

        return operator.at_desk(self, number, reopen, more=more, undo=again)


def is_over(task: Json | None) -> str:
    """Why there is nothing left to heal; empty while there is."""
    if task is None:
        return "its incident is gone from the records"
    return f"its incident {task['id']} is over ({task['status']} {ago(task['resolved_at'])})" if task["resolved_at"] else ""


def stands(now: Escalation) -> str:
    """How an escalation stands, in one line."""
    owner = f", with {now.owner}" if now.owner else ""
    ends = f", until {clock(now.acknowledged_until)}" if now.acknowledged_until else ""
    snoozed = f", no reminder before {clock(now.snoozed_until)}" if now.snoozed_until else ""
    return f"escalation {now.id} is {now.status}{owner}{ends}{snoozed}"


ACTS = (Ack, Unack, Assign, SetSeverity, Snooze, Unsnooze, Note, Look, Resolve, Reopen)
