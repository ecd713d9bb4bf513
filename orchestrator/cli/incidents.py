"""`incidents` and `show`: what was wrong, and the story of one."""

import click

from orchestrator.cli.options import NUMBER, configured, listing, reader, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.cli.when import SINCE
from orchestrator.model import Json, Status, utc
from orchestrator.store.listing import first
from orchestrator.store.times import ago, between


@click.command()
@click.option("--status", type=click.Choice([str(status) for status in Status]), help="Default: all but symptoms (merged).")
@click.option("--since", type=SINCE, help="24h, 7d, or a UTC day or moment.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@listing
def incidents(status: str | None, since: float | None, limit: int) -> None:
    """What was wrong, the newest first."""
    rows = first(reader().list_incidents, limit, status=(status,) if status else ())
    if since is not None:
        rows = [row for row in rows if row["detected_at"] >= utc(since)]
    if wants_json():
        say_json(rows)
    elif not rows:
        say("no incidents" + (" like that" if status or since else ""))
    else:
        heads = ("n", "status", "severity", "phase", "seen", "took", "times", "what")
        table(
            heads,
            [
                (row["id"], row["status"], row["severity"], row["phase"], ago(row["detected_at"]),
                 between(row["opened_at"], row["resolved_at"]), row["occurrences"], row["title"])
                for row in rows
            ],
        )  # fmt: skip


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@click.option("--evidence", is_flag=True, help="All that was observed, not only the latest.")
@click.option("--timeline", "whole", is_flag=True, help="Everything that happened to it, in order.")
@listing
def show(number: int, *, evidence: bool, whole: bool) -> None:
    """The story of incident N.

    How it stands, what was tried and why, what remains to do, what was seen.
    """
    found = _found(number)
    if whole:
        from escalation.timeline import timeline  # noqa: PLC0415
        from orchestrator.cli.escalated import tell_moments  # noqa: PLC0415

        tell_moments(timeline(found), as_json=wants_json())
    elif wants_json():
        say_json(found)
    else:
        from orchestrator.cli.story import tell  # noqa: PLC0415

        tell(found, all_evidence=evidence)


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@configured
def report(number: int) -> None:
    """A post-mortem of incident N in Markdown.

    What happened (in UTC), what contributed, what ended it, what was tried, what is open still.
    """
    from escalation.report import post_mortem  # noqa: PLC0415

    say(post_mortem(_found(number)))


def _found(number: int) -> Json:
    found = reader().story(number)
    if found is None:
        raise click.ClickException(f"there is no incident {number}; `orchestrator incidents` lists them")
    return found
