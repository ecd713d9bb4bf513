"""What people decided: rows of the inbox, each carried out once and answered in words."""

from collections.abc import Callable
from functools import partial

from escalation import Desk
from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.engine.answers import Answers, ClickRefused
from orchestrator.model import Stage
from orchestrator.store import Click, Stale, Store
from orchestrator.store.times import moment


class Clicks:
    def __init__(self, store: Store, desk: Desk, config: Config) -> None:
        self._store = store
        self._answers = Answers(store, desk, config)
        self._verbs: dict[str, Callable[[Click], str]] = {
            **self._answers.verbs,
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

    def reload(self, config: Config) -> None:
        self._answers.config = config

    def take(self) -> None:
        """Carry out every new decision: what it changes and its answer are one transaction. Raises StoreFailed; the rest stays."""
        for click in self._store.take_clicks():
            try:
                self._store.together(partial(self._carry_out, click))
            except (ClickRefused, Stale) as refusal:
                self._close(click, f"refused: {refusal}")
            except (KeyError, TypeError, ValueError) as error:  # the inbox is a file that others may write
                self._close(click, f"refused: {click.verb} with {sorted(click.args)}: {error}")

    def _carry_out(self, click: Click) -> None:
        verb = self._verbs.get(click.verb)
        if verb is None:
            raise ClickRefused(f"unknown verb {click.verb!r}")
        self._close(click, verb(click))

    def _close(self, click: Click, result: str) -> None:
        def write() -> None:
            self._store.audit(click.actor, click.verb, {**click.args, "result": result})
            self._store.answer_click(click.id, result)

        self._store.together(write)

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
        return f"pattern {self._store.teach(str(signature), plan, f'person:{click.actor}')} is taught"

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
        if self._store.case(number) is None:
            raise ClickRefused(f"there is no incident {number}")
        self._store.anew(number, click.at)
        return f"incident {number} begins anew in phase 1"
