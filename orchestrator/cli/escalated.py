"""One escalation, told; and the plan that is asked about, as exactly what would run."""

from collections.abc import Iterable

import click

from escalation.interventions import options_of
from escalation.plans import lines_of, read_plan
from escalation.timeline import Moment
from escalation.verdict import left_out
from escalation.words import state_of
from orchestrator.cli.printing import one_line, say, say_json
from orchestrator.model import Json, digest
from orchestrator.store.times import ago, clock, until


def tell(found: Json) -> None:
    """What `Reader.escalation` found, the newest state first."""
    row, task = found["escalation"], found["task"]
    say(f"escalation {row['id']}: {state_of(row).upper()} {_with(row)}{one_line(row['title'])}", style="bold")
    say(f"  why        {one_line(row['reason'])}")
    say(f"  incident   {row['task_id']} ({task['status'] if task else 'gone'}): orchestrator show {row['task_id']}")
    say(f"  since      {clock(row['created_at'])} ({ago(row['created_at'])})")
    if row["snoozed_until"]:
        say(f"  snoozed    until {clock(row['snoozed_until'])}")
    if row["resolved_at"]:
        say(f"  resolved   {clock(row['resolved_at'])}: {one_line(row['resolution'])}")
    for question in found["interventions"]:
        tell_question(question)
    for note in found["notes"]:
        say(f"  note       {clock(note['at'])} {one_line(note['actor'])}: {one_line(note['text'])}")
    for mail in found["outbox"]:
        where = f" to {one_line(mail['place'])}" if mail["channel"] == "notify" else ""
        say(f"  mail       {clock(mail['created_at'])} {mail['kind']}{where}: {_fate(mail)}")
    if missing := left_out(found):
        say(f"  {missing}")


def tell_question(question: Json) -> None:
    if question["status"] == "pending":
        tell_plan(question)
        return
    said = f" by {one_line(question['actor'])}" if question["actor"] else ""
    words = f": {one_line(question['answer'])}" if question["answer"] else ""
    say(f"  question   {one_line(question['question'])}")
    say(f"             {question['status']}{said} {clock(question['answered_at'])}{words}")


def tell_plan(question: Json) -> None:
    """An open question, its plan as command lines, and until when it may be approved."""
    say(f"  question   {one_line(question['question'])}", style="bold")
    for line in lines_of(question["plan"] or []):
        say(f"    {line}")
    number = question["escalation_id"]
    if question["expires_at"]:
        say(f"  expires    {clock(question['expires_at'])} ({until(question['expires_at'])})")
    others = f"edit {number} ACTION...    or    reject {number} --reason '...'"
    if question["plan"]:
        say(f"  decide     orchestrator escalations approve {number}    or    {others}")
    elif question["kind"] == "decision":
        _tell_options(question)
        say(f"  decide     orchestrator escalations choose {number} WHICH    or    {others}")
    elif question["kind"] == "review":
        say(f"  decide     orchestrator reviews judge {question['id']} right    or    wrong")
    elif question["kind"] != "escalation":
        say(f"  decide     orchestrator escalations answer {number} '...'")


def _tell_options(question: Json) -> None:
    """What the experts would do, each as one of them said it."""
    for n, option in enumerate(options_of(question["options"]), 1):
        sure = option.sure and f" ({option.sure})"
        say(f"    plan {n}, of {one_line(', '.join(option.experts))}{sure}: {one_line(option.reasons[0])}")
        for line in lines_of([action.model_dump(mode="json") for action in option.plan]):
            say(f"        {line}")


def tell_moments(moments: Iterable[Moment], *, as_json: bool) -> None:
    """A timeline: when, who, what."""
    if as_json:
        say_json([moment.model_dump() for moment in moments])
        return
    for moment in moments:
        who = f"{one_line(moment.who)}: " if moment.who else ""
        say(f"{clock(moment.at)}  {who}{one_line(moment.what)}{': ' if moment.text else ''}{one_line(moment.text)}")


def open_question(found: Json) -> Json:
    """The newest question that may be decided with a plan."""
    number = found["escalation"]["id"]
    asked: list[Json] = [row for row in found["interventions"] if row["status"] == "pending" and row["kind"] in ("approval", "decision")]
    if not asked:
        raise click.ClickException(f"escalation {number} asks for no decision now: orchestrator escalations show {number}")
    return asked[-1]


def shown_hash(question: Json) -> str:
    """Of what is shown: the plan, or one of those to choose among."""
    options = options_of(question["options"])
    return options[0].hash if options else str(question["hash"])


def pending_plan(found: Json) -> tuple[Json, str]:
    """The open question that has a plan, and the hash of that plan as it can be shown here."""
    number = found["escalation"]["id"]
    asked = [question for question in found["interventions"] if question["status"] == "pending" and question["plan"]]
    if not asked:
        raise click.ClickException(f"escalation {number} asks for no permission now: orchestrator escalations show {number}")
    question = asked[-1]
    plan = read_plan(question["plan"])
    if plan is None:
        raise click.ClickException(f"the plan of escalation {number} cannot be read by this version, so nobody can see what would run")
    if digest([action.model_dump() for action in plan]) != question["hash"]:
        raise click.ClickException(f"the plan of escalation {number} is not the one that was asked about; it was changed since")
    return question, str(question["hash"])


def _with(row: Json) -> str:
    return f"(with {one_line(row['owner'])}) " if row["owner"] else ""


def _fate(mail: Json) -> str:
    if mail["status"] == "sent":
        return f"sent {clock(mail['sent_at'])}"
    why = f": {one_line(mail['last_error'])}" if mail["last_error"] else ""
    tried = f" after {mail['attempts']} tries" if mail["attempts"] else ""
    return f"{mail['status']}{tried}{why}"
