"""A decision that makes the daemon act: left as a row of its inbox, and its answer waited for."""

import sys
import time
from contextlib import closing

import click

from orchestrator.cli.options import actor, reader, settings, state_dir
from orchestrator.cli.printing import say
from orchestrator.model import Json
from orchestrator.store import Inbox
from orchestrator.store.life import dead

ANSWER_SECONDS = 3.0
_LOOK_SECONDS = 0.05


def decide(verb: str, args: Json) -> int:
    """Leave the decision and tell what the daemon made of it. Status 1 when it refused; left for later is done."""
    why_dead = dead(reader().status(), settings().daemon.poll_seconds)
    with closing(Inbox(state_dir())) as inbox:
        number = inbox.put(verb, args, actor())
        answer = None if why_dead else _answer(inbox, number)
    if answer is None:
        say(f"left for the daemon as decision {number}: {why_dead or 'it has not answered yet, and will take it'}")
        return 0
    refused = answer.startswith("refused")
    say(answer, error=refused)
    return 1 if refused else 0


def sure(question: str, *, yes: bool, unasked: str) -> None:
    """Ask at a terminal, unless `--yes`; where there is none, refuse with `unasked`. A no ends the command with status 1."""
    if yes:
        return
    if not at_terminal():
        raise click.ClickException(unasked)
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was done")


def at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _answer(inbox: Inbox, number: int) -> str | None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while (answer := inbox.result(number)) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return answer
