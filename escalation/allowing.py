"""A person's word for the hands: told to them by the person's own process, before any row is written that the daemon acts on.

A row of a database is no such word: whoever runs the daemon could have written it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from escalation.interventions import options_of
from escalation.plans import read_plan
from escalation.words import APPROVED_SECONDS, Unheard
from orchestrator.config import Config
from orchestrator.hands.client import RemoteHands
from orchestrator.model import Action, Json, digest, utc

HANDS_SOCKET = "autonomous-orchestrator-hands.socket"


def vouch(door: str, until: float | None, config: Config, through: str | None = None) -> str:
    """Have the hands hear that a person made this door of the dashboard, or came to it `through` another; why they did not, or nothing.

    Doors are named by their secrets' digests. `until` None: for good.
    """
    if config.hands.socket is None:
        return ""
    told = RemoteHands(Path(config.hands.socket)).vouch(door, until, through)
    return "" if told["ok"] else str(told["detail"])


def allow(plan: Sequence[Action], config: Config, door: str | None = None) -> str:
    """Have the hands hear that exactly this may run; why they do not take it, or nothing. Raises Unheard.

    `door`: by which the person came to the dashboard. Where the hands are the daemon's own process it tells them itself, when it takes
    the decision.
    """
    if config.hands.socket is None or not plan:
        return ""
    steps = [action.model_dump(mode="json") for action in plan]
    told = RemoteHands(Path(config.hands.socket)).approve(steps, time.time() + APPROVED_SECONDS, door)
    if why := told.get("unavailable"):
        raise Unheard(f"nothing was approved: {why}; look with `systemctl status {HANDS_SOCKET}`, then say it again")
    return "" if told["ok"] else str(told["detail"])


def shown_plan(questions: Sequence[Json], plan_hash: str) -> tuple[Action, ...]:
    """Of the questions that are open, the plan with this hash; none where it is not there, or too late: that the daemon tells."""
    for question in questions:
        if question["status"] == "pending" and (question["expires_at"] or utc()) >= utc():
            for plan in _plans(question):
                if digest([action.model_dump() for action in plan]) == plan_hash:
                    return plan
    return ()


def _plans(question: Json) -> Iterator[tuple[Action, ...]]:
    if plan := read_plan(question["plan"] or []):
        yield plan
    with suppress(ValueError):  # of another version
        yield from (option.plan for option in options_of(question["options"] or []))
