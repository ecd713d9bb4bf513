"""Windows: the daemon keeps its hands off while people work, or leaves one fault alone; and `retry`, when they are done."""

from typing import Any

import click

from orchestrator.cli.decisions import act
from orchestrator.cli.options import NUMBER, configured, listing, reader, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.cli.when import DURATION
from orchestrator.model import Json, utc
from orchestrator.store.times import clock


@click.command()
@click.argument("service", required=False, default="")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d. It always ends by itself.")
@click.option("--reason", required=True, help="What is going on, for whoever wonders.")
@click.option("--in", "begins_in", type=DURATION, default=0.0, help="Begin later.")
@configured
def pause(service: str, *, seconds: float, reason: str, begins_in: float) -> int:
    """Hands off SERVICE, or the whole host.

    For a while that you name, while you work on it. SERVICE is a declared name, or a unit's full one.
    """
    return _named("pause", service=service, seconds=seconds, begins_in=begins_in, reason=reason)


@click.command()
@click.argument("service", required=False, default="")
@configured
def resume(service: str) -> int:
    """End the maintenance early."""
    return _named("resume", service=service)


@click.command()
@click.argument("incident", type=NUMBER, metavar="N")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d. It always ends by itself.")
@click.option("--reason", required=True, help="Why, for whoever wonders.")
@configured
def silence(incident: int, *, seconds: float, reason: str) -> int:
    """Leave the fault of incident N alone for a while.

    Neither healed nor told to anybody until then; what else its service has is not concerned.
    """
    return act("incident", "silence", incident, seconds=seconds, reason=reason)


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def windows(ctx: click.Context) -> None:
    """Maintenance and silences: open, planned and past."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@windows.command("list")
@listing
def list_() -> None:
    """Those that are open or to come first, then the newest."""
    rows = reader().maintenance()
    if wants_json():
        say_json(rows)
    elif not rows:
        say("no window: `pause` and `silence` make one")
    else:
        heads = ("n", "state", "of", "from", "until", "by", "reason")
        table(heads, [(row["id"], _state(row), row["key"] or row["service"] or "the whole host", clock(row["begins_at"]),
                       clock(row["ended_at"] or row["until"]), row["actor"], row["reason"]) for row in rows])  # fmt: skip


@windows.command()
@click.argument("number", type=NUMBER, metavar="N")
@configured
def end(number: int) -> int:
    """End window N early: what stands is healed or escalated from now on."""
    return act("window", "end", number)


def _state(row: Json) -> str:
    if not row["open"]:
        return "over"
    return "planned" if row["begins_at"] > utc() else "open"


@click.command()
@click.argument("incident", type=NUMBER, metavar="N")
@configured
def retry(incident: int) -> int:
    """Let the daemon try incident N anew."""
    return act("incident", "retry", incident)


def _named(verb: str, **said: Any) -> int:
    from escalation.acts import Unknown  # noqa: PLC0415

    try:
        return act("host", verb, **said)
    except Unknown as mistyped:
        raise click.BadParameter(str(mistyped)) from None
