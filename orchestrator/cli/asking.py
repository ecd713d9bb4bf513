"""`ask` and `consult`: the experts of the roster, asked by a person. They answer in words, and nothing is done."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from orchestrator.cli.experts import named
from orchestrator.cli.options import NUMBER, listing, reader, settings, state_dir, wants_json
from orchestrator.cli.printing import one_line, say, say_json
from orchestrator.model import Case, Json, epoch, is_unit
from orchestrator.store.listing import first
from orchestrator.store.wanted import LIVE_STATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.host import View
    from orchestrator.knowledge.experts import Expert
    from orchestrator.knowledge.memory import Recall
    from orchestrator.store import Anomaly
    from phases.answering import Answering
    from phases.counsel import Counsel

_MOST_EXPERTS = 8
_LOOK_SECONDS = 20.0
_ANOMALIES = 30


def _about(command: "Callable[..., int]") -> "Callable[..., int]":
    command = click.option("--unit", metavar="UNIT", help="About this unit or declared service, as it is now.")(command)
    return click.option("--incident", type=NUMBER, metavar="N", help="About this incident, with what was seen of it.")(command)


@click.command()
@click.argument("expert")
@click.argument("question")
@_about
@listing
def ask(expert: str, question: str, incident: int | None, unit: str | None) -> int:
    """Ask one expert a question.

    About the host as it is now, or an incident or a unit. He answers in words: a command in them is text, and nothing is done.

    Exit status 1 when nobody could answer, 75 when no model can be asked now or the day's budget is spent, 78 when a model's settings
    are wrong.
    """
    who = named(expert)
    with _answering(question, incident, unit) as answering:
        said = answering.ask(who, _deadline())
        if wants_json():
            say_json({"question": question, "about": _name(incident, unit), **_as_json(answering, who, said)})
        else:
            _tell(answering, who, said)
    return _status([said])


@click.command()
@click.argument("question")
@click.option("--experts", "names", required=True, metavar="A,B,C", help="Who is asked, by name; `experts` lists them.")
@_about
@listing
def consult(question: str, names: str, incident: int | None, unit: str | None) -> int:
    """Ask several experts at once, none knowing of another.

    Their answers stand side by side. What they agree on is counted where they choose the same of what could be done.

    Exit status as of `ask`, when none of them could answer.
    """
    from phases.counsel import agreement  # noqa: PLC0415

    who = [named(name) for name in dict.fromkeys(one.strip() for one in names.split(",") if one.strip())]
    if not 0 < len(who) <= _MOST_EXPERTS:
        raise click.UsageError(f"--experts: from 1 to {_MOST_EXPERTS} names")
    with _answering(question, incident, unit) as answering:
        said = answering.consult(who, _deadline())
        agreed = agreement(said)
        if wants_json():
            answers = [_as_json(answering, expert, counsel) for expert, counsel in zip(who, said, strict=True)]
            say_json({"question": question, "about": _name(incident, unit), "answers": answers, "agree": agreed})
            return _status(said)
        for expert, counsel in zip(who, said, strict=True):
            _tell(answering, expert, counsel)
            say()
    for choice, together in agreed.items():
        say(f"{' and '.join(together)} would choose the same: {one_line(choice)}", style="bold")
    if not agreed and any(counsel.choice for counsel in said):
        say("no two of them would choose the same")
    return _status(said)


def _deadline() -> float:
    return time.monotonic() + settings().phases.consultation_seconds


def _name(incident: int | None, unit: str | None) -> str:
    return f"incident {incident}" if incident is not None else unit or "the host"


@contextmanager
def _answering(question: str, incident: int | None, unit: str | None) -> "Iterator[Answering]":
    """With the snapshot taken, the purse and the memory open, and nothing of the host's changed."""
    from orchestrator.host import View  # noqa: PLC0415
    from orchestrator.knowledge.memory import nobody_remembers, recaller  # noqa: PLC0415
    from orchestrator.store import Spending, StoreUnusable  # noqa: PLC0415
    from orchestrator.store.remembered import BesideMemory  # noqa: PLC0415
    from phases.answering import QUESTION_CHARACTERS, Answering  # noqa: PLC0415
    from phases.models import Models  # noqa: PLC0415

    if not 0 < len(question.strip()) <= QUESTION_CHARACTERS:
        raise click.UsageError(f"a question has from 1 to {QUESTION_CHARACTERS} characters, and this one {len(question.strip())}")
    agents = settings().agents
    with ExitStack() as opened:
        opened.enter_context(_ending_what_asks())
        view = View.of(settings())
        opened.callback(view.close)
        case = _case(incident, unit, view)
        recall: Recall = nobody_remembers
        with suppress(StoreUnusable):  # a host on which no daemon has run yet has experts, and no memory
            memory = opened.enter_context(BesideMemory(state_dir()))
            recall = recaller(memory.memories, memory.note_uses, retell=bool(agents.models))
        models = Models(agents, opened.enter_context(Spending.beside(state_dir(), agents))) if agents.models else None
        yield Answering(question, case, models, recall, tuple(_anomalies()))


@contextmanager
def _ending_what_asks() -> "Iterator[None]":
    """A terminal that is closed ends the calls as Ctrl-C does, so that none goes on and costs. With nohup it is ignored, and stays so."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _case(incident: int | None, unit: str | None, view: "View") -> Case:
    from escalation.casefile import case_of  # noqa: PLC0415
    from phases import snapshot  # noqa: PLC0415

    if incident is None:
        target = _target(unit) if unit else snapshot.WHOLE_HOST
        return snapshot.of_target(target, view, settings(), time.monotonic() + _LOOK_SECONDS)
    if unit:
        raise click.UsageError("either --incident or --unit")
    story = reader().story(incident)
    if story is None:
        raise click.ClickException(f"there is no incident {incident}; `orchestrator incidents` lists them")
    return snapshot.of_incident(case_of(story), view, settings())


def _target(unit: str) -> str:
    """As a check would call it: a mistyped name would be a question about nothing."""
    if declared := settings().service_of(unit):
        return declared.target
    if is_unit(unit):
        return unit
    raise click.UsageError(
        f"--unit: {one_line(unit)!r} is neither declared in the configuration nor the full name of a unit (shop.service)"
    )


def _anomalies() -> "Iterator[Anomaly]":
    """What stands wrong now, the daemon running or not."""
    from orchestrator.store import Anomaly  # noqa: PLC0415

    for row in first(reader().list_incidents, _ANOMALIES, status=LIVE_STATES):
        told = {"check": row["check_name"], "detected_at": epoch(row["detected_at"])}
        yield Anomaly.model_validate({**{name: row[name] for name in ("id", "target", "severity")}, **told})


def _tell(answering: "Answering", expert: "Expert", said: "Counsel") -> None:
    by = f" ({said.backend} {said.model})" if said.model and not said.failed else ""
    say(f"{expert.name}{by}:", style="bold")
    if said.failed:
        say(f"  {_why_not(said)}", style="yellow")
        if said.mend:
            say(f"      mend: {one_line(said.mend)}")
        say("  his role file says:")
    elif not said.model:
        say("  no model is configured ([agents] backend): this is what his role file says")
    for line in said.answer.splitlines():
        say(f"  {one_line(line)}")
    _tell_rest(answering, expert, said)


def _why_not(said: "Counsel") -> str:
    where = one_line(f"{said.backend} {said.model}")
    return (
        f"the budget is spent ({one_line(said.why)})"
        if said.failed == "spent"
        else f"{where} did not answer ({said.failed}: {one_line(said.why)})"
    )


def _tell_rest(answering: "Answering", expert: "Expert", said: "Counsel") -> None:
    if cited := [f"[{item.id}] {one_line(item.source)}" for item in answering.shown(expert) if item.id in said.evidence]:
        say(f"  rests on {', '.join(cited)}")
    for line in said.look_next:
        say(f"  look at: {one_line(line)}")
    if said.choice:
        say(f"  if something had to be done: {one_line(said.choice)} (nothing was)")
    if said.tokens_in or said.tokens_out:
        say(f"  {said.tokens_in} tokens in, {said.tokens_out} out, {said.dollars:.4f} dollars, {said.seconds:.1f} s")


def _as_json(answering: "Answering", expert: "Expert", said: "Counsel") -> Json:
    shown = [{"id": item.id, "source": item.source, "text": item.text} for item in answering.shown(expert)]
    return {**said.model_dump(mode="json"), "shown": shown}


def _status(said: "Sequence[Counsel]") -> int:
    """One answer is enough. Of several failures the one that an operator can mend at once comes first."""
    kinds = {counsel.failed for counsel in said}
    if None in kinds:
        return 0
    if "misconfigured" in kinds:
        return os.EX_CONFIG
    return os.EX_TEMPFAIL if kinds & {"spent", "unreachable", "busy", "late"} else 1
