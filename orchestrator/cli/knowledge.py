"""`actions` and `runbooks`: what the daemon can do, and what it knows."""

import json
import sys
from pathlib import Path

import click

from escalation.casefile import case_of
from orchestrator.actions import all_actions, schema
from orchestrator.cli.options import NUMBER, beside_config, listing, reader, settings, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.knowledge import runbooks as written
from orchestrator.knowledge.conditions import holds
from orchestrator.model import Action, Case, Json


@click.command()
@listing
def actions() -> None:
    """Every change that the daemon can make."""
    if wants_json():
        say_json(schema())
        return
    rows = [
        (kind.model_fields["kind"].default, _risk(kind), "yes" if kind.reversible else "no", _fields(kind), _about(kind))
        for kind in all_actions()
    ]
    table(("kind", "risk", "undo", "fields", "what it does"), rows)


@click.group(invoke_without_command=True)
@listing
@click.pass_context
def runbooks(ctx: click.Context) -> None:
    """Which evidence means which cause and plan."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_runbooks)


@runbooks.command("list")
@listing
def list_runbooks() -> None:
    """All runbooks, in the order that they are asked.

    Yours come first: runbooks.d beside the configuration.
    """
    books = _books()
    if wants_json():
        say_json([book.model_dump(mode="json") for book in books])
    else:
        rows = [(book.name, book.phase, "a person" if book.hand_over else "; ".join(book.plan), book.source, book.about) for book in books]
        table(("name", "phase", "plan", "file", "about"), rows)


@runbooks.command()
@click.argument("name")
@listing
def show(name: str) -> None:
    """One runbook, as it is read."""
    book = next((book for book in _books() if book.name == name), None)
    if book is None:
        raise click.ClickException(f"there is no runbook {name!r}; `orchestrator runbooks` lists them")
    if wants_json():
        say_json(book.model_dump(mode="json"))
        return
    say(f"{book.name} (phase {book.phase}, {book.source}): {one_line(book.about)}", style="bold")
    say("  when")
    for fact, wanted in book.when.items():
        say(f"    {one_line(fact)} = {_wanted(wanted)}")
    say(f"  cause  {one_line(book.cause)}")
    say(f"  plan   {'; '.join(book.plan)}" if book.plan else f"  a person takes it: {one_line(book.hand_over)}")


@runbooks.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--incident", type=NUMBER, metavar="N", help="Whether it fits this incident, by the evidence that was kept of it.")
@listing
def test(file: Path, incident: int | None) -> None:
    """Try the runbooks of FILE on an incident.

    Changes nothing. Exit status 1 when none of them fits, 78 when the file cannot be used.
    """
    books = written.read(file)
    if incident is None:
        say(f"ok: {len(books)} runbook{'s' if len(books) != 1 else ''} in {file}: {', '.join(book.name for book in books)}")
        return
    story = reader().story(incident)
    if story is None:
        raise click.ClickException(f"there is no incident {incident}; `orchestrator incidents` lists them")
    case = case_of(story)
    found = [_fit(book, case) for book in books]
    if wants_json():
        say_json(found)
    else:
        for fit in found:
            _tell_fit(fit)
    if not any(fit["fits"] for fit in found):
        raise click.exceptions.Exit(1)


def _books() -> tuple[written.Runbook, ...]:
    return written.load(beside_config("runbooks.d"))


def _fit(book: written.Runbook, case: Case) -> Json:
    """Which conditions do not hold, and with today's candidates, which plans it would propose."""
    facts = written.known(case)
    against = {name: facts.get(name, "") for name, wanted in book.when.items() if not holds({name: wanted}, facts)}
    plans = [] if against or book.hand_over else _plans(book, case)
    return {"runbook": book.name, "fits": not against, "against": against, "when": book.when, "hand_over": book.hand_over, "plans": plans}


def _plans(book: written.Runbook, case: Case) -> list[list[str]]:
    """The candidates are those of the host as it is now: a target that is healthy again offers less than it did then."""
    from orchestrator.host import View  # noqa: PLC0415
    from orchestrator.knowledge.candidates import candidates  # noqa: PLC0415

    view = View.of(settings())
    try:
        offered = candidates(case, view, settings())
    finally:
        view.close()
    fresh = case.model_copy(update={"tried": ()})
    found = written.proposals((book,), fresh, offered, phase=book.phase, proposer="test")
    return [[action.about() for action in proposal.plan] for proposal in found]


def _tell_fit(fit: Json) -> None:
    if fit["against"]:
        say(f"no   {fit['runbook']}")
        for name, value in fit["against"].items():
            found = repr(one_line(value)) if value else "no such fact"
            say(f"       {name} is {found}; wanted {_wanted(fit['when'][name])}")
        return
    say(f"fits {fit['runbook']}", style="green")
    if fit["hand_over"]:
        say(f"       a person takes it: {one_line(fit['hand_over'])}")
    for plan in fit["plans"]:
        say(f"       {one_line('; '.join(plan))}")
    if not fit["plans"] and not fit["hand_over"]:
        say("       no plan: on the host as it is now, nothing offers what it asks for")


def _wanted(wanted: str | tuple[str, ...]) -> str:
    return json.dumps(wanted, ensure_ascii=False)


def _risk(kind: type[Action]) -> str:
    """An operator's own command has the risk that its declaration says."""
    return str(getattr(kind, "risk", "") or "as declared")


def _fields(kind: type[Action]) -> str:
    return " ".join(name if field.is_required() else f"[{name}]" for name, field in kind.model_fields.items() if name != "kind")


def _about(kind: type[Action]) -> str:
    """The first line of its file, which is what it is about."""
    return (sys.modules[kind.__module__].__doc__ or "").strip().partition("\n")[0]
