"""`escalations`: what people do with an incident that was handed to them.

What concerns the escalation alone (ack, snooze, note, resolve ...) is done at once and needs no daemon. Approve, reject and
answer make the daemon act, and are left in its inbox.
"""

import click

from escalation.front import FILE_NAME
from escalation.interventions import options_of
from escalation.plans import lines_of
from escalation.timeline import of_escalation, timeline
from escalation.words import state_of
from orchestrator.cli.decisions import act, at_terminal, made, sure
from orchestrator.cli.escalated import open_question, pending_plan, shown_hash, tell, tell_moments, tell_plan
from orchestrator.cli.options import NUMBER, configured, listing, reader, state_dir, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.cli.when import DURATION
from orchestrator.model import Json, Severity
from orchestrator.store.listing import first
from orchestrator.store.times import ago
from orchestrator.store.wanted import ESCALATION_STATES

_number = click.argument("number", type=NUMBER, metavar="N")
_note = click.option("--note", default="", help="Kept with it, for whoever comes next.")
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
@click.option("--status", type=click.Choice(ESCALATION_STATES), help="Default: all that are not resolved.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@listing
def list_(status: str | None, limit: int) -> None:
    """What waits for a person, the newest first."""
    rows = first(reader().list_escalations, limit, status=(status,) if status else ())
    if wants_json():
        say_json(rows)
    elif not rows and (state_dir() / "tasks.db").exists() and not (state_dir() / FILE_NAME).exists():
        raise click.ClickException(f"{state_dir() / FILE_NAME} is gone, so nobody knows what waits; a start of the daemon makes a new one")
    elif not rows:
        say(f"no {status} escalation" if status else "nothing waits for a person")
    else:
        heads = ("n", "status", "severity", "since", "incident", "owner", "asks for", "title")
        columns = ("id", "status", "severity", "created_at", "task_id", "owner", "kind", "title")
        told = [{**row, "created_at": ago(row["created_at"]), "status": state_of(row)} for row in rows]
        table(heads, [[row[name] for name in columns] for row in told])


@escalations.command()
@_number
@click.option("--timeline", "whole", is_flag=True, help="Everything that happened to it, in order.")
@listing
def show(number: int, *, whole: bool) -> None:
    """Why, the question and its plan, notes, mails."""
    found = _found(number)
    if whole:
        story = reader().story(found["escalation"]["task_id"]) or of_escalation(found)
        tell_moments(timeline(story), as_json=wants_json())
    elif wants_json():
        say_json(found)
    else:
        tell(found)


@escalations.command()
@_number
@click.option("--for", "seconds", type=DURATION, help="How long; default: [escalation] ack_hours.")
@_note
@configured
def ack(number: int, *, seconds: float | None, note: str) -> int:
    """You have it; others see your name."""
    return act("escalation", "ack", number, seconds=seconds, note=note)


@escalations.command()
@_number
@_note
@configured
def unack(number: int, *, note: str) -> int:
    """Nobody has it any more."""
    return act("escalation", "unack", number, note=note)


@escalations.command()
@_number
@click.argument("owner")
@click.option("--for", "seconds", type=DURATION, help="How long; default: [escalation] ack_hours.")
@_note
@configured
def assign(number: int, owner: str, *, seconds: float | None, note: str) -> int:
    """OWNER has it from now on."""
    return act("escalation", "assign", number, owner=owner, seconds=seconds, note=note)


@escalations.command()
@_number
@click.argument("level", type=click.Choice([str(level) for level in Severity]))
@_note
@configured
def severity(number: int, level: str, *, note: str) -> int:
    """Say how bad it is: lists and mails go by that."""
    return act("escalation", "severity", number, severity=level, note=note)


@escalations.command()
@_number
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d.")
@_note
@configured
def snooze(number: int, *, seconds: float, note: str) -> int:
    """No mail about it for a while."""
    return act("escalation", "snooze", number, seconds=seconds, note=note)


@escalations.command()
@_number
@_note
@configured
def unsnooze(number: int, *, note: str) -> int:
    """Mails about it come again."""
    return act("escalation", "unsnooze", number, note=note)


@escalations.command()
@_number
@click.argument("text")
@configured
def note(number: int, text: str) -> int:
    """Write down what you found, for whoever comes next."""
    return act("escalation", "note", number, text=text)


@escalations.command()
@_number
@configured
def look(number: int) -> int:
    """You have seen it: what healed while nobody looked leaves its tray."""
    return act("escalation", "look", number)


@escalations.command()
@_number
@click.option("--as", "resolution", required=True, metavar="TEXT", help="What it was, and what mended it.")
@click.option("--teach", "steps", multiple=True, metavar="ACTION", help="What mended it, for phase 1 to use next time; may be repeated.")
@_yes
@configured
def resolve(number: int, *, resolution: str, steps: tuple[str, ...], yes: bool) -> int:
    """It is done. While the fault still stands, this says so and asks."""
    from escalation.acts import StillStands  # noqa: PLC0415

    said: Json = {"resolution": resolution, "plan": steps}
    try:
        return act("escalation", "resolve", number, **said, anyway=yes)
    except StillStands as standing:
        say(str(standing), error=True)
    sure("Resolve it all the same?", yes=yes, unasked="not resolved: mend the fault first, or say --yes")
    return act("escalation", "resolve", number, **said, anyway=True)


@escalations.command()
@_number
@_note
@configured
def reopen(number: int, *, note: str) -> int:
    """It was not done after all."""
    return act("escalation", "reopen", number, note=note)


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
    return act("escalation", "approve", number, hash=plan_hash)


@escalations.command()
@_number
@click.argument("steps", nargs=-1, required=True, metavar="ACTION...")
@_yes
@configured
def edit(number: int, *, steps: tuple[str, ...], yes: bool) -> int:
    """Let another plan run in place of the one that is asked about.

    One ACTION after the other: 'restart_unit unit=shop.service', or JSON. It stays within the incident, and the policy is asked.
    """
    question = open_question(_found(number))
    tell_plan(question)
    plan = made("escalation", "edit", {"hash": shown_hash(question), "plan": steps}).model_dump()["plan"]
    say("  instead", style="bold")
    for line in lines_of(plan):
        say(f"    {line}")
    if at_terminal():
        sure("Let exactly this run instead?", yes=yes, unasked="")
    return act("escalation", "edit", number, hash=shown_hash(question), plan=plan)


@escalations.command()
@_number
@click.argument("which", type=click.IntRange(min=1), metavar="WHICH")
@_yes
@configured
def choose(number: int, which: int, *, yes: bool) -> int:
    """Let the WHICHth of the experts' plans run, as `show` numbers them."""
    question = open_question(_found(number))
    tell_plan(question)
    options = options_of(question["options"])
    if which > len(options):
        raise click.ClickException(f"there are {len(options)} plans to choose among" if options else "there is nothing to choose among")
    if at_terminal():
        sure(f"Let plan {which} run?", yes=yes, unasked="")
    return act("escalation", "choose", number, hash=options[which - 1].hash)


@escalations.command()
@_number
@click.option("--reason", required=True, help="Why not; the daemon does not ask for the same again.")
@configured
def reject(number: int, *, reason: str) -> int:
    """The plan must not run; the incident stays with you."""
    return act("escalation", "reject", number, reason=reason)


@escalations.command()
@_number
@click.argument("text")
@configured
def answer(number: int, text: str) -> int:
    """Answer the question that is open."""
    return act("escalation", "answer", number, text=text)


def _found(number: int) -> Json:
    found = reader().escalation(number)
    if found is None:
        raise click.ClickException(f"there is no escalation {number}; `orchestrator escalations` lists them")
    return found
