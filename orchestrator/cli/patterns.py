"""`patterns`: what the daemon learned on this host, and a person's word on it."""

import json
from typing import TextIO

import click

from escalation.plans import lines_of, read_plan
from orchestrator.cli.decisions import act
from orchestrator.cli.options import NUMBER, configured, listing, reader, settings, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.model import Action, Json
from orchestrator.store.times import ago, clock

_number = click.argument("number", type=NUMBER, metavar="N")
_FORMAT = "autonomous-orchestrator patterns 1"


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def patterns(ctx: click.Context) -> None:
    """Plans that healed a kind of fault here."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@patterns.command("list")
@listing
def list_() -> None:
    """All patterns, the best record first."""
    rows = reader().patterns()
    if wants_json():
        say_json(rows)
    elif not rows:
        say("nothing was learned yet: a plan that heals becomes a pattern; `patterns teach` writes one down")
    else:
        heads = ("n", "stage", "wins", "losses", "relapses", "learned", "from", "signature", "plan")
        columns = ("id", "stage", "wins", "losses", "relapses", "created_at", "origin", "signature")
        told = [[ago(row[name]) if name == "created_at" else row[name] for name in columns] for row in rows]
        table(heads, [[*cells, _short(row["plan"])] for cells, row in zip(told, rows, strict=True)])


@patterns.command()
@_number
@listing
def show(number: int) -> None:
    """Its plan, its record, its incidents."""
    row = _found(number)
    if wants_json():
        say_json({**row, "incidents": _incidents(row)})
        return
    record = f"{row['wins']} wins, {row['losses']} losses, {row['relapses']} relapses"
    say(f"pattern {row['id']}: {row['stage'].upper()}, {record}", style="bold")
    say(f"  signature  {one_line(row['signature'])}")
    say(f"  learned    {clock(row['created_at'])} from {one_line(row['origin'])}")
    for line in lines_of(row["plan"]):
        say(f"    {line}")
    _tell_incidents(row)


@patterns.command()
@click.option("--incident", type=NUMBER, metavar="N", help="The kind of fault of this incident.")
@click.option("--signature", help="The kind of fault itself.")
@click.option("--preview", is_flag=True, help="Only tell which past incidents it would have met.")
@click.argument("steps", nargs=-1, metavar="ACTION...")
@configured
def teach(incident: int | None, signature: str | None, steps: tuple[str, ...], *, preview: bool) -> int:
    """Write down what heals a kind of fault.

    One ACTION after the other: 'restart_unit unit=shop.service', or JSON. It starts on probation, like what the daemon learned itself.
    """
    if (incident is None) == (signature is None):
        raise click.UsageError("say --incident N or --signature TEXT")
    if preview:
        return _preview(incident, signature)
    return act("host", "teach", task_id=incident, signature=signature, plan=steps)


@patterns.command()
@_number
@configured
def trust(number: int) -> int:
    """Use it before anything else, until it loses."""
    return act("pattern", "trust", number)


@patterns.command()
@_number
@configured
def demote(number: int) -> int:
    """Keep it and its record, and do not use it."""
    return act("pattern", "demote", number)


@patterns.command()
@_number
@configured
def weigh(number: int) -> int:
    """Take your word on it back: its record alone says how far it is trusted."""
    return act("pattern", "weigh", number)


@patterns.command()
@_number
@configured
def forget(number: int) -> int:
    """Remove it with its record."""
    return act("pattern", "forget", number)


@patterns.command()
@click.argument("numbers", type=NUMBER, nargs=-1, metavar="[N...]")
@configured
def export(numbers: tuple[int, ...]) -> None:
    """Write patterns as JSON to standard output.

    All, or those named: for `import` on another host.
    """
    rows = [_found(number) for number in numbers] if numbers else reader().patterns()
    kept = ("signature", "plan", "stage", "wins", "losses", "relapses", "origin", "created_at")
    say_json({"format": _FORMAT, "patterns": [{name: row[name] for name in kept} for row in rows]})


@patterns.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@configured
def import_(file: TextIO) -> int:
    """Teach what FILE holds (`-`: standard input).

    Trust is not imported: each proves itself on this host.
    """
    try:
        taught = [(str(item["signature"]), _dumped(item["plan"])) for item in _exported(file)]
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"{file.name}: no patterns that this version can read: {one_line(error)}") from None
    return max((act("host", "teach", signature=signature, plan=plan) for signature, plan in taught), default=0)


@patterns.command()
@_number
@configured
def test(number: int) -> None:
    """Whether the plan could run now.

    By the policy, and by the host itself. Changes nothing.
    """
    row = _found(number)
    plan = read_plan(row["plan"])
    if plan is None:
        raise click.ClickException(f"pattern {number} has a plan that this version cannot read: it is never used")
    against = [_against(action) for action in plan]
    for action, why in zip(plan, against, strict=True):
        say(f"  {'no ' if why else 'ok '} {one_line(action.about())}{': ' + one_line(why) if why else ''}", style="red" if why else "green")
    _tell_incidents(row)
    if any(against):
        raise click.ClickException(f"pattern {number} could not run now")


def _preview(incident: int | None, signature: str | None) -> int:
    if incident is not None:
        story = reader().story(incident)
        if story is None:
            raise click.ClickException(f"there is no incident {incident}; `orchestrator incidents` lists them")
        signature = story["task"]["fingerprint"]
    found = reader().preview(signature or "")
    ended = ", ".join(f"{n} {status}" for status, n in sorted(found["ended"].items())) or "none"
    say(f"past incidents of this kind ({one_line(found['signature'])}): {found['total']}; {ended}")
    for past in found["incidents"]:
        healed = f", by {_short(past['healed_by']['plan'])}" if past["healed_by"] else ""
        say(f"  #{past['id']} {past['status']} {ago(past['detected_at'])}{healed}: {one_line(past['title'])}")
    return 0


def _against(action: Action) -> str:
    """What stands against this action now; empty when nothing does."""
    from orchestrator.host import Unavailable, View  # noqa: PLC0415
    from orchestrator.permits import may_ever  # noqa: PLC0415

    config, view = settings(), View.of(settings())
    try:
        verdict = may_ever(action, config)
        return f"{verdict.rule}: {verdict.reason}" if verdict.answer != "allow" else action.refusal(view, config)
    except Unavailable as trouble:
        return f"the host cannot be asked: {trouble}"
    finally:
        view.close()


def _exported(file: TextIO) -> list[Json]:
    data = json.load(file)
    if data["format"] != _FORMAT:
        raise ValueError(f"expected {_FORMAT!r}")
    found: list[Json] = data["patterns"]
    return found


def _dumped(plan: list[Json]) -> list[Json]:
    known = read_plan(plan)
    if not known:
        raise ValueError(f"a plan of {len(plan)} actions cannot be read")
    return [action.model_dump(mode="json") for action in known]


def _found(number: int) -> Json:
    row = next((row for row in reader().patterns() if row["id"] == number), None)
    if row is None:
        raise click.ClickException(f"there is no pattern {number}; `orchestrator patterns` lists them")
    return row


def _incidents(row: Json) -> list[Json]:
    """The latest incidents of the pattern's kind."""
    quoted = str(row["signature"]).replace("'", "''")
    latest = "SELECT id, status, phase, detected_at, title FROM tasks.tasks"
    return reader().sql(f"{latest} WHERE fingerprint = '{quoted}' ORDER BY id DESC LIMIT 5")  # the reader cannot write, whatever it holds


def _tell_incidents(row: Json) -> None:
    found = _incidents(row)
    say(f"  incidents of this kind: {len(found) or 'none yet'}")
    for incident in found:
        say(f"    #{incident['id']} {incident['status']} {ago(incident['detected_at'])}: {one_line(incident['title'])}")


def _short(plan: list[Json]) -> str:
    known = read_plan(plan)
    return "; ".join(action.about() for action in known) if known else "cannot be read by this version"
