"""`escalations`: what people do with an incident that was handed to them.

Ack, snooze, note, resolve and reopen change the escalation at once and need no daemon. Approve, reject and answer make the
daemon act, and are left in its inbox.
"""

import time
from contextlib import closing
from typing import Any

import click

from escalation import Escalation, FrontDesk
from orchestrator.cli.decisions import at_terminal, decide, sure
from orchestrator.cli.escalated import pending_plan, tell, tell_plan
from orchestrator.cli.options import actor, configured, listing, reader, state_dir, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.cli.when import DURATION
from orchestrator.model import Json
from orchestrator.store.times import ago, clock

_number = click.argument("number", type=int, metavar="N")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def escalations(ctx: click.Context) -> None:
    """What waits for a person.

    N is the escalation's number; `orchestrator show` wants the incident's.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@escalations.command("list")
@click.option("--status", type=click.Choice(["open", "acknowledged", "resolved"]), help="Default: all that are not resolved.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@listing
def list_(status: str | None, limit: int) -> None:
    """What waits for a person, the newest first."""
    rows = reader().escalations(status=status, limit=limit)
    if wants_json():
        say_json(rows)
    elif not rows:
        say(f"no {status} escalation" if status else "nothing waits for a person")
    else:
        heads = ("n", "status", "severity", "since", "incident", "owner", "asks for", "title")
        columns = ("id", "status", "severity", "created_at", "task_id", "owner", "kind", "title")
        table(heads, [[ago(row[name]) if name == "created_at" else row[name] for name in columns] for row in rows])


@escalations.command()
@_number
@listing
def show(number: int) -> None:
    """Why, the question and its plan, notes, mails."""
    found = _found(number)
    if wants_json():
        say_json(found)
    else:
        tell(found)


@escalations.command()
@_number
@configured
def ack(number: int) -> None:
    """You have it; others see your name."""
    with _desk() as desk:
        _said(desk.ack(number, actor()))


@escalations.command()
@_number
@configured
def unack(number: int) -> None:
    """Nobody has it any more."""
    with _desk() as desk:
        _said(desk.unack(number, actor()))


@escalations.command()
@_number
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d.")
@configured
def snooze(number: int, *, seconds: float) -> None:
    """No mail about it for a while."""
    with _desk() as desk:
        _said(desk.snooze(number, time.time() + seconds, actor()))


@escalations.command()
@_number
@click.argument("text")
@configured
def note(number: int, text: str) -> None:
    """Write down what you found, for whoever comes next."""
    with _desk() as desk:
        _said(desk.note(number, text, actor()))


@escalations.command()
@_number
@click.option("--as", "resolution", required=True, metavar="TEXT", help="What it was, and what mended it.")
@_yes
@configured
def resolve(number: int, *, resolution: str, yes: bool) -> None:
    """It is done. While the fault still stands, this says so and asks."""
    task = _found(number)["task"]
    if task and task["resolved_at"] is None:
        say(f"the fault still stands (seen {ago(task['last_seen'])}): {task['title']}", error=True)
        sure("Resolve it all the same?", yes=yes, unasked="not resolved: mend the fault first, or say --yes")
    with _desk() as desk:
        _said(desk.resolve(number, resolution, actor()))


@escalations.command()
@_number
@configured
def reopen(number: int) -> None:
    """It was not done after all."""
    with _desk() as desk:
        _said(desk.reopen(number, actor()))


@escalations.command()
@_number
@_yes
@configured
def approve(number: int, *, yes: bool) -> int:
    """Let the plan that is printed run.

    That one and no other: what is approved is the hash of what was shown.
    """
    question, plan_hash = pending_plan(_found(number))
    tell_plan(question)
    if at_terminal():
        sure("Let exactly this run?", yes=yes, unasked="")
    return decide("approve", {"escalation_id": number, "hash": plan_hash})


@escalations.command()
@_number
@click.option("--reason", required=True, help="Why not; the daemon does not ask for the same again.")
@configured
def reject(number: int, *, reason: str) -> int:
    """The plan must not run; the incident stays with you."""
    return decide("reject", {"escalation_id": number, "reason": reason})


@escalations.command()
@_number
@click.argument("text")
@configured
def answer(number: int, text: str) -> int:
    """Answer the question that is open."""
    return decide("answer", {"escalation_id": number, "text": text})


def _found(number: int) -> Json:
    found = reader().escalation(number)
    if found is None:
        raise click.ClickException(f"there is no escalation {number}; `orchestrator escalations` lists them")
    return found


def _desk() -> Any:
    return closing(FrontDesk(state_dir()))


def _said(now: Escalation) -> None:
    owner = f", with {now.owner}" if now.owner else ""
    until = f", no reminder before {clock(now.snoozed_until)}" if now.snoozed_until else ""
    say(f"escalation {now.id} is {now.status}{owner}{until}")
