"""The operator: what a person does, whether by command line, form or API. One way of doing each thing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from escalation.acts.act import Act, Done, EscalationAct, Undo
from escalation.allowing import allow, shown_plan
from escalation.front import STANDING, FrontDesk
from escalation.words import Escalation, Unknown
from orchestrator.config import Config
from orchestrator.model import Action, Json, digest
from orchestrator.store import Inbox, Reader, Stale
from orchestrator.store.life import dead

PATIENCE_SECONDS = 3.0
"""How long a living daemon's answer is waited for."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody who acts. Holds no file open between two acts."""

    config: Config
    actor: str
    door: str | None = None
    """The digest of the session's or token's secret, where it is the dashboard that acts for somebody."""
    patience: float = PATIENCE_SECONDS
    once: str = ""
    """The caller's own name for the act under way: the same again is answered the same, and done once."""

    def perform(self, act: Act, number: int = 0, *, once: str = "") -> Done:
        """Raises Unknown, Stale, StillStands, Unheard, StoreFailed, StoreUnusable."""
        key = digest([self.actor, act.of, act.verb, number, act.model_dump(mode="json"), once]) if once else ""
        done = self._left(key) or act.perform(replace(self, once=key), number)
        if done.undo or done.refused or not act.undo:
            return done
        return done.model_copy(update={"undo": Undo(of=act.of, verb=act.undo, number=number)})

    def _left(self, key: str) -> Done | None:
        """What came of the very same decision, whatever has happened since."""
        if not key:
            return None
        with Inbox(self.state_dir) as inbox:
            number = inbox.left(key)
            return None if number is None else self._told(inbox, number)

    # ---- what acts are made of ---------------------------------------------------------------------------------------

    @property
    def state_dir(self) -> Path:
        return Path(self.config.daemon.state_dir)

    @property
    def reader(self) -> Reader:
        return Reader(self.state_dir)

    def at_desk(
        self, act: EscalationAct, number: int, change: Callable[[FrontDesk], Escalation], *, more: str = "", undo: Undo | None = None
    ) -> Done:
        """A change that needs no daemon; the act's note is written with it."""
        from escalation.acts.desk import stands  # noqa: PLC0415  # acts are made of this

        def work() -> str:
            now = change(desk)
            if act.note:
                now = desk.note(number, act.note, self.actor)
            return Done(text=stands(now) + more, escalation=now, undo=undo).model_dump_json()

        with FrontDesk(self.state_dir) as desk:
            return Done.model_validate_json(desk.once(self.once, work))

    def decide(self, verb: str, args: Json) -> Done:
        """Leave a decision for the daemon, and tell what it made of it."""
        with Inbox(self.state_dir) as inbox:
            return self._told(inbox, inbox.put(verb, args, self.actor, once=self.once))

    def _told(self, inbox: Inbox, number: int) -> Done:
        why_dead = dead(self.reader.status(), self.config.daemon.poll_seconds)
        answer = self._answer(inbox, number, 0.0 if why_dead else self.patience)
        if answer is None:
            waits = why_dead or "it has not answered yet, and will take it"
            return Done(text=f"left for the daemon as decision {number}", waits=waits, decision=number)
        return Done(text=answer, refused=answer.startswith("refused"), decision=number)

    def decide_on(self, act: EscalationAct, number: int, verb: str, allowed: Sequence[Action] = (), **args: object) -> Done:
        """The same about an escalation that stands, as it was seen. `allowed`: the actions that the hands hear of first. Raises Unheard."""
        with FrontDesk(self.state_dir) as desk:
            noted = self._apart("note")
            if not desk.has_answered(noted):  # else its own note, and then a death, made another version of it
                _standing(desk, act, number)
            if refusal := allow(allowed, self.config, self.door):
                return Done(text=f"refused: {refusal}", refused=True)
            if act.note:
                desk.once(noted, lambda: desk.note(number, act.note, self.actor).status)
        done = self.decide(verb, {"escalation_id": number, **args})
        return done.model_copy(update={"escalation": self.escalation(number)})

    def teach_before(self, act: EscalationAct, number: int, plan: tuple[Json, ...]) -> Done | None:
        """Left before the act itself is done: a death in between leaves an open escalation, and not a plan that nobody learned."""
        if not plan:
            return None
        with FrontDesk(self.state_dir) as desk:
            incident = desk.known(number).task_id if self.once and desk.has_answered(self.once) else _standing(desk, act, number).task_id
        return replace(self, once=self._apart("teach")).decide("teach", {"task_id": incident, "plan": list(plan)})

    def _apart(self, name: str) -> str:
        """The key of another row of the same act."""
        return f"{self.once}-{name}" if self.once else ""

    def snooze_too(self, task_id: int, until: float) -> int | None:
        """The escalation that is open for an incident, which mails would go on to tell about."""
        with FrontDesk(self.state_dir) as desk:
            found = desk.open_for(task_id)
            if found:
                desk.once(self._apart("snooze"), lambda: desk.snooze(found.id, until, self.actor).status)
        return found.id if found else None

    def wake(self, window: Json) -> tuple[int, ...]:
        """The escalations that a silence snoozed, which ends early; mails about them come again."""
        with FrontDesk(self.state_dir) as desk:
            return desk.wake(window["key"], window["until"], self.actor) if window["key"] else ()

    def escalation(self, number: int) -> Escalation:
        with FrontDesk(self.state_dir) as desk:
            return desk.known(number)

    def shown(self, number: int, plan_hash: str) -> tuple[Action, ...]:
        """The plan that an escalation asks about under this name."""
        return shown_plan(self.story_of(number)["interventions"], plan_hash)

    def question(self, number: int) -> Json:
        """The row of the intervention."""
        with FrontDesk(self.state_dir) as desk:
            return desk.question(number)

    def incident(self, number: int) -> Json:
        """The row of the incident."""
        return self._known("tasks", number, "incident")

    def pattern(self, number: int) -> Json:
        return self._known("patterns", number, "pattern")

    def memory(self, number: int) -> Json:
        return self._known("expert_memory", number, "memory")

    def window(self, number: int) -> Json:
        return self._known("windows", number, "window")

    def opened(self, done: Done) -> Done:
        """With what ends the window again that this decision opened."""
        with Inbox(self.state_dir) as inbox:
            window = inbox.opened(done.decision or 0)
        return done if window is None else done.model_copy(update={"undo": Undo(of="window", verb="end", number=window)})

    def story_of(self, number: int) -> Json:
        """What `Reader.escalation` knows."""
        found = self.reader.escalation(number)
        if found is None:
            raise Unknown(f"there is no escalation {number}")
        return found

    def _known(self, table: Literal["tasks", "patterns", "expert_memory", "windows"], number: int, what: str) -> Json:
        with Inbox(self.state_dir) as inbox:
            found = inbox.known(table, number)
        if found is None:
            raise Unknown(f"there is no {what} {number}")
        return found

    def _answer(self, inbox: Inbox, number: int, patience: float) -> str | None:
        deadline = time.monotonic() + patience
        while (answer := inbox.result(number)) is None and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return answer


def _standing(desk: FrontDesk, act: EscalationAct, number: int) -> Escalation:
    """Raises Unknown, and Stale when it is over or not what was seen."""
    found = desk.known(number)
    if found.status not in STANDING or act.version not in (None, found.version):
        raise Stale(f"escalation {number} moved on: it is {found.status} (version {found.version})", found)
    return found
