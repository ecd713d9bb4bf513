"""`experts`: the roster, and what each remembers of this host."""

import difflib
from collections.abc import Sequence
from itertools import groupby

import click

from orchestrator.cli.decisions import act
from orchestrator.cli.options import NUMBER, beside_config, configured, listing, reader, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.knowledge import experts as roster
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.memory import RESEARCHER, record, times
from orchestrator.model import Json
from orchestrator.store.times import ago, clock
from orchestrator.store.words import FACT_CHARACTERS

_number = click.argument("number", type=NUMBER, metavar="ID")


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def experts(ctx: click.Context) -> None:
    """The specialists that consultation asks."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@experts.command("list")
@listing
def list_() -> None:
    """All experts; yours are in experts.d beside the configuration."""
    found = known()
    if wants_json():
        say_json([expert.model_dump(mode="json") for expert in found])
    else:
        rows = [(expert.name, expert.role, expert.about, "; ".join(source.strip() for source in expert.reads)) for expert in found]
        table(("name", "role", "about", "reads"), rows)


@experts.command()
@click.argument("name", metavar="EXPERT")
@listing
def show(name: str) -> None:
    """His role file as it is read, and his record here."""
    expert, memories = named(name), reader().memories(name)
    if wants_json():
        say_json({**expert.model_dump(mode="json"), "memory": memories})
        return
    say(f"{expert.name} ({expert.role}{', may veto' if expert.vetoes else ''}): {one_line(expert.about)}", style="bold")
    say(f"  reads   {', '.join(source.strip() for source in expert.reads)}")
    if expert.brief:
        say("  brief")
        for line in expert.brief.strip().splitlines():
            say(f"    {one_line(line)}")
    say(f"  opinions of his own, where no model is asked: {len(expert.opinion)}")
    say(f"  so far  {_score(memories)}")
    _tell(memories)


@experts.command()
@click.argument("name", metavar="[EXPERT]", default="")
@listing
def memory(name: str) -> None:
    """What they remember of this host.

    It was written when a plan that one of them had chosen, or had not, was proved; it is shown to him with the next fault
    that is alike, as words: it chooses nothing.
    """
    rows = reader().memories(name)
    if name and name != RESEARCHER and not rows:  # who has left the roster may still be remembered
        named(name)
    if wants_json():
        say_json(rows)
    elif not rows:
        say("nothing is remembered yet: an expert learns when a plan that was voted on heals, or does not")
    else:
        for expert, own in groupby(rows, lambda row: str(row["expert"])):
            found = list(own)
            say(f"{one_line(expert)}: {_score(found)}", style="bold")
            _tell(found)


@experts.command()
@_number
@configured
def forget(number: int) -> int:
    """Remove a memory with its record. `experts memory` tells its number."""
    return act("memory", "forget", number)


@experts.command()
@_number
@click.argument("text")
@configured
def correct(number: int, text: str) -> int:
    """Put TEXT in place of what the expert said; its record stays."""
    return act("memory", "correct", number, fact=text)


def known() -> tuple[Expert, ...]:
    """Raises ExpertError."""
    return roster.load(beside_config("experts.d"))


def named(name: str) -> Expert:
    """The expert of that name, or a usage error with the one that was meant and all there are."""
    found = {expert.name: expert for expert in known()}
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise click.UsageError(f"there is no expert {one_line(name)!r}.{meant} There are: {', '.join(found)}")


def _score(memories: Sequence[Json]) -> str:
    return record(sum(row["wins"] for row in memories), sum(row["losses"] for row in memories))


def _tell(memories: Sequence[Json]) -> None:
    for row in memories:
        chose = ", ".join(map(str, row["kinds"])) if row["kinds"] else "a person"
        say(f"  #{row['id']} {one_line(row['check_name'])} {one_line(row['target'])}: {one_line(chose)}")
        said = f"; corrected by {one_line(row['said_by'])}" if row["said_by"] else ""
        say(f"      {one_line(row['fact'])[:FACT_CHARACTERS]}{said}")
        instead = f" ({one_line(', '.join(map(str, row['instead'])))} did)" if row["instead"] else ""
        lately = f"last {one_line(row['proved'])}{instead} in incident {row['task_id']}, {ago(row['verified_at'])}"
        say(f"      {record(row['wins'], row['losses'])}; {lately}; shown {times(row['uses'])}; until {clock(row['expires_at'])}")
