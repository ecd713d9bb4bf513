"""`audit`: who did what, and whether anybody changed what is written there."""

import time

import click

from orchestrator.cli.options import configured, listing, reader, settings, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.cli.when import DURATION
from orchestrator.model import Json, utc
from orchestrator.store.times import clock

_DETAIL = 160


@click.group(invoke_without_command=True)
@click.option("--actor", default="", help="Of this person alone; the daemon itself is `orchestrator`.")
@click.option("--what", default="", help="Of this kind alone: verdict, 'change begun', configuration, pause, approve …")
@click.option("--for", "seconds", type=DURATION, default=0.0, help="Of the last 30m, 2h, 7d.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many rows, the newest.")
@click.option("--people", is_flag=True, help="What people did, and not what the daemon did itself.")
@listing
@click.pass_context
def audit(ctx: click.Context, *, actor: str, what: str, seconds: float, limit: int, people: bool) -> None:
    """Who did what: verdicts, changes and what came of them, decisions, what was learned, the configuration.

    `audit verify` says whether anybody changed it.
    """
    if ctx.invoked_subcommand is not None:
        return
    since = utc(time.time() - seconds) if seconds else ""
    rows = reader().audit(limit, actor=actor, what=what, since=since, people=people)
    if wants_json():
        say_json(rows)
    elif not rows:
        say("nothing of that kind")
    else:
        table(
            ("n", "when", "who", "what", "of"),
            [(row["id"], clock(row["at"]), row["actor"], row["what"], _brief(row)) for row in rows[::-1]],
        )


def _brief(row: Json) -> str:
    detail = row["detail"]
    told = "; ".join(f"{name}: {value}" for name, value in detail.items()) if isinstance(detail, dict) else str(detail)
    text = one_line(told)
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"


@audit.command()
@configured
def verify() -> int:
    """Whether the audit is as it was written.

    Each row by the one before it, the whole by the heads that the journal keeps, and the changes by the hands' own record.

    Exit status 1 when something does not fit. What could not be compared is said, and is no error.
    """
    from orchestrator.cli.auditing import chain_of, hands_of  # noqa: PLC0415

    chain, hands = chain_of(settings(), reader()), hands_of(settings(), reader(), time.time())
    for line in (*chain.wrong, *hands.wrong):
        say(f"WRONG: {one_line(line)}", style="bold red")
    for line in (*chain.lost, *chain.untold, *hands.untold):
        say(one_line(line), style="yellow")
    if chain.wrong or hands.wrong:
        return 1
    heads = f"; {chain.heads} heads in the journal fit them" if chain.heads else ""
    changes = "" if hands.untold else f"; they and the hands' record of {hands.rows} changes fit each other"
    say(f"{chain.rows} rows fit one another{heads}{changes}", style="green")
    return 0
