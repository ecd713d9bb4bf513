"""One escalation, told; and the plan that is asked about, as exactly what would run."""

import click

from escalation.plans import lines_of, read_plan
from orchestrator.cli.printing import one_line, say
from orchestrator.model import Json, digest
from orchestrator.store.times import ago, clock, until


def tell(found: Json) -> None:
    """What `Reader.escalation` found, the newest state first."""
    row, task = found["escalation"], found["task"]
    say(f"escalation {row['id']}: {row['status'].upper()} {_with(row)}{one_line(row['title'])}", style="bold")
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
    if question["plan"]:
        say(f"  decide     orchestrator escalations approve {number}    or    reject {number} --reason '...'")
    elif question["kind"] != "escalation":
        say(f"  decide     orchestrator escalations answer {number} '...'")


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
