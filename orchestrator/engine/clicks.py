"""What people decided: rows of the inbox, each carried out once and answered in words."""

from collections.abc import Callable

from escalation import AnswerStatus, Desk, Intervention
from orchestrator.actions import parse
from orchestrator.model import Stage, epoch
from orchestrator.store import Click, Stale, Store
from orchestrator.store.times import moment


class ClickRefused(Exception):
    """What was asked cannot be done; the message tells the person why."""


class Clicks:
    def __init__(self, store: Store, desk: Desk) -> None:
        self._store = store
        self._desk = desk
        self._verbs: dict[str, Callable[[Click], str]] = {
            "approve": self._approve,
            "reject": self._reject,
            "answer": self._answer,
            "teach": self._teach,
            "trust": lambda click: self._stage(click, Stage.TRUSTED),
            "demote": lambda click: self._stage(click, Stage.DEMOTED),
            "weigh": self._weigh,
            "forget": self._forget,
            "pause": self._pause,
            "silence": self._pause,
            "end": self._end_window,
            "resume": self._resume,
            "retry": self._retry,
        }

    def take(self) -> None:
        """Carry out every new decision. Raises StoreFailed; the rest stays for the next time."""
        for click in self._store.take_clicks():
            verb = self._verbs.get(click.verb)
            try:
                result = verb(click) if verb else f"refused: unknown verb {click.verb!r}"
            except (ClickRefused, Stale) as refusal:
                result = f"refused: {refusal}"
            except (KeyError, TypeError, ValueError) as error:  # the inbox is a file that others may write
                result = f"refused: {click.verb} with {sorted(click.args)}: {error}"
            self._store.audit(click.actor, click.verb, {**click.args, "result": result})
            self._store.answer_click(click.id, result)

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

    def _approve(self, click: Click) -> str:
        """The plan runs exactly as it was shown: the hash must be that of the question that is open now."""
        question = self._question(click, "approved")
        if question.proposal is None or question.hash != click.args["hash"]:
            raise ClickRefused("the plan is not the one that was shown; look again")
        if question.expires_at and epoch(question.expires_at) < click.at:
            raise ClickRefused("the permission has expired; the case has not: look again")
        if question.status == "pending":
            self._store.approve(question.task_id, question.proposal)
            self._desk.answer(question.id, "approved", "", click.actor)
        return f"approved: incident {question.task_id} is looked at again, and then exactly this plan runs"

    def _reject(self, click: Click) -> str:
        question = self._question(click, "rejected")
        reason = str(click.args.get("reason", ""))
        if question.status == "pending":
            self._store.escalated(question.task_id, reason=f"{click.actor} rejected the plan: {reason or 'no reason given'}")
            self._desk.answer(question.id, "rejected", reason, click.actor)
        return f"rejected: incident {question.task_id} stays with you"

    def _answer(self, click: Click) -> str:
        question = self._question(click, "answered")
        if question.status == "pending":
            self._desk.answer(question.id, "answered", str(click.args["text"]), click.actor)
        return "noted"

    def _teach(self, click: Click) -> str:
        """A person's resolution teaches: the plan is a pattern of that incident's signature, on probation like any other."""
        signature = click.args.get("signature")
        if signature is None:
            case = self._store.case(int(click.args["task_id"]))
            if case is None:
                raise ClickRefused(f"there is no incident {click.args['task_id']}")
            signature = case.incident.signature
        plan = tuple(parse(action) for action in click.args["plan"])
        if not plan:
            raise ClickRefused("the plan is empty")
        return f"pattern {self._store.teach(str(signature), plan, f'person:{click.actor}')}"

    def _stage(self, click: Click, stage: Stage) -> str:
        self._store.set_stage(int(click.args["pattern_id"]), stage, click.actor)
        return f"pattern {click.args['pattern_id']} is {stage}"

    def _forget(self, click: Click) -> str:
        self._store.forget(int(click.args["pattern_id"]), click.actor)
        return f"pattern {click.args['pattern_id']} is forgotten"

    def _weigh(self, click: Click) -> str:
        number = int(click.args["pattern_id"])
        return f"pattern {number} is {self._store.weigh(number, click.actor)}, as its record says"

    def _pause(self, click: Click) -> str:
        """A window for a service, the whole host, or (a silence) for one fault."""
        until, begins_at = float(click.args["until"]), float(click.args.get("begins_at", click.at))
        service, key = str(click.args.get("service", "")), str(click.args.get("key", ""))
        if until <= max(click.at, begins_at):
            raise ClickRefused("a window needs an end in the future")
        window = self._store.pause(
            service,
            begins_at=begins_at,
            until=until,
            reason=str(click.args.get("reason", "")),
            actor=click.actor,
            key=key,
            click_id=click.id,
        )
        begins = f" from {moment(begins_at)}" if begins_at > click.at else ""
        return f"hands off {key or service or 'the whole host'}{begins} until {moment(until)}: window {window}"

    def _end_window(self, click: Click) -> str:
        self._store.end_window(int(click.args["window_id"]), click.actor)
        return f"window {click.args['window_id']} ended"

    def _resume(self, click: Click) -> str:
        ended = self._store.resume(str(click.args.get("service", "")), click.actor)
        return f"{ended} window(s) ended"

    def _retry(self, click: Click) -> str:
        number = int(click.args["task_id"])
        self._store.anew(number, click.at)
        return f"incident {number} begins anew in phase 1"
