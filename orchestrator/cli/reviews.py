"""`reviews`: fixes that worked and left a doubt. A person's word on one counts for or against what healed it."""

import click

from orchestrator.cli.decisions import act
from orchestrator.cli.options import NUMBER, configured, listing, reader, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.store.times import ago, clock

_SHOWN = 1000


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def reviews(ctx: click.Context) -> None:
    """Fixes that a person should look at afterwards."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@reviews.command("list")
@listing
def list_() -> None:
    """Those that are open; each closes itself after a week."""
    rows = reader().reviews(_SHOWN)
    if wants_json():
        say_json(rows)
    elif not rows:
        say("no fix waits for a look")
    else:
        told = [(row["id"], row["task_id"], ago(row["created_at"]), clock(row["expires_at"]), row["question"]) for row in rows]
        table(("n", "incident", "asked", "closes", "what to look at"), told)


@reviews.command()
@click.argument("number", type=NUMBER, metavar="N")
@click.argument("word", type=click.Choice(["right", "wrong"]))
@click.option("--as", "text", default="", metavar="TEXT", help="What you found.")
@configured
def judge(number: int, word: str, text: str) -> int:
    """Whether the fix was right; a wrong one demotes the pattern that healed it."""
    return act("intervention", "judge", number, right=word == "right", text=text)
