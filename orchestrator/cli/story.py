"""One incident, told to somebody who was woken: the verdict first, the evidence last."""

from escalation import seen, told
from escalation.casefile import case_of, evidence_of, minutes_of
from escalation.verdict import left_out, remains, verdict, votes
from orchestrator.cli.escalated import tell_plan
from orchestrator.cli.printing import STYLES, clean, one_line, say
from orchestrator.model import Json, utc
from orchestrator.store.times import clock


def tell(story: Json, *, all_evidence: bool) -> None:
    """Print what `Reader.story` found."""
    task, case = story["task"], case_of(story)
    say(verdict(story), style=f"bold {STYLES.get(task['status'], '')}".strip())
    say(f"incident {task['id']}, {task['severity']}, {task['status']}: {one_line(task['title'])}")
    say()
    say(told(case).rstrip())
    if minutes := minutes_of(story):
        say("\nWHAT THE EXPERTS SAID")
        for line in votes(minutes, [row["created_at"] for row in story["minutes"]]):
            say(line)
    say("\nWHAT REMAINS TO DO")
    _tell_questions(story)
    for line in remains(story):
        say(f"    {line}")
    say()
    if all_evidence:
        _tell_all_evidence(story)
    else:
        say(seen(case).rstrip())
    if missing := left_out(story):
        say(f"\n{missing}")


def _tell_questions(story: Json) -> None:
    for question in story["interventions"]:
        if question["status"] == "pending" and question["kind"] != "escalation":
            tell_plan(question)


def _tell_all_evidence(story: Json) -> None:
    say(f"WHAT WAS SEEN ({len(story['evidence'])} observations)")
    for item in map(evidence_of, story["evidence"]):
        say(f"[{item.id}] {one_line(item.source)}, {clock(utc(item.at))}")
        for line in clean(item.text).splitlines():  # indented, so that no line of it can look like ours
            say(f"    {line}")
