"""What people decided: rows of the inbox, each carried out once and answered in words."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from escalation import Desk
from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.engine.answers import Answers, ClickRefused
from orchestrator.hands.seam import AnyHands
from orchestrator.model import Stage
from orchestrator.permits import may_ever
from orchestrator.store import Click, Stale, Store, StoreFailed
from orchestrator.store.times import moment

AGAIN_SECONDS = 10.0
"""After so long what the disk did not take is tried anew."""


class Clicks:
    def __init__(self, store: Store, desk: Desk, config: Config, hands: AnyHands | None = None) -> None:
        self._store = store
        self._answers = Answers(store, desk, config, hands)
        self._taken: deque[Click] = deque()
        self._again_at = 0.0
        self._verbs: dict[str, Callable[[Click], str]] = {
            **self._answers.verbs,
            "teach": self._teach,
            "trust": lambda click: self._stage(click, Stage.TRUSTED),
            "demote": lambda click: self._stage(click, Stage.DEMOTED),
            "weigh": self._weigh,
            "forget": self._forget,
            "forget_memory": self._forget_memory,
            "correct_memory": self._correct_memory,
            "pause": self._pause,
            "silence": self._pause,
            "end": self._end_window,
            "resume": self._resume,
            "retry": self._retry,
        }

    def reload(self, config: Config) -> None:
        self._answers.config = config

    def take(self) -> None:
        """Carry out every new decision: what it changes and its answer are one transaction.

        Raises StoreFailed; what is left then comes again a little later, so that healing goes on meanwhile.
        """
        if time.monotonic() < self._again_at:
            return
        self._taken.extend(self._store.take_clicks())
        while self._taken:
            try:
                self._take(self._taken[0])
            except StoreFailed:
                self._again_at = time.monotonic() + AGAIN_SECONDS
                raise
            self._taken.popleft()

    def _take(self, click: Click) -> None:
        try:
            self._store.together(partial(self._carry_out, click))
        except StoreFailed:
            raise
        except (ClickRefused, Stale) as refusal:
            self._refuse(click, str(refusal))
        except Exception as error:  # noqa: BLE001  # the inbox is a file that others may write, and no row of it ends the daemon
            self._refuse(click, f"{click.verb} with {sorted(click.args)}: {error}")

    def _refuse(self, click: Click, why: str) -> None:
        with suppress(Stale):  # it has its answer
            self._close(click, f"refused: {why}")

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
        for action in plan:
            verdict = may_ever(action, self._answers.config)
            if verdict.answer == "deny":
                raise ClickRefused(f"{action.about()} may never run here, so that nobody can use it ({verdict.rule}): {verdict.reason}")
        return f"pattern {self._store.teach(str(signature), plan, f'person:{click.actor}')} is taught"

    def _stage(self, click: Click, stage: Stage) -> str:
        self._store.set_stage(int(click.args["pattern_id"]), stage, click.actor)
        return f"pattern {click.args['pattern_id']} is {stage}"

    def _forget(self, click: Click) -> str:
        self._store.forget(int(click.args["pattern_id"]), click.actor)
        return f"pattern {click.args['pattern_id']} is forgotten"

    def _forget_memory(self, click: Click) -> str:
        self._store.forget_memory(int(click.args["memory_id"]), click.actor)
        return f"memory {click.args['memory_id']} is forgotten"

    def _correct_memory(self, click: Click) -> str:
        number, fact, his = int(click.args["memory_id"]), str(click.args["fact"]), bool(click.args.get("his"))
        self._store.correct_memory(number, fact, click.actor, his=his)
        return f"memory {click.args['memory_id']} is corrected"

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
