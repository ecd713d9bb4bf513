"""A post-mortem: one incident in Markdown, for people who were not there."""

import re

from escalation.rendering import render
from escalation.text import one_line
from escalation.timeline import about, timeline
from escalation.verdict import remains, verdict
from orchestrator.model import Json, Phase
from orchestrator.store.times import between, clock

_SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
TEXT_CHARACTERS = 1000


def post_mortem(story: Json) -> str:
    """What `Reader.story` found. Every word of a log, a model or a name is text there, and no mark-up."""
    task = story["task"]
    return render(
        "report.md.j2",
        md=md,
        task=task,
        verdict=verdict(story),
        since=clock(task["detected_at"]),
        ended=clock(task["resolved_at"]) if task["resolved_at"] else "",
        lasted=between(task["detected_at"], task["resolved_at"]),
        phase=str(Phase.numbered(task["phase"])),
        moments=timeline(story),
        clock=clock,
        causes=_causes(story),
        ruled_out=list(dict.fromkeys(item for handoff in task["handoffs"] for item in handoff.get("ruled_out", ()))),
        tried=[{**row, "about": about(row["plan"])} for row in story["attempts"]],
        open_ends=_open_ends(story),
        **{name: story[name] for name in ("symptoms", "escalations")},
    )


def md(text: object) -> str:
    """One line that means what it says, whatever stands in it."""
    return _SPECIAL.sub(r"\\\1", one_line(text, TEXT_CHARACTERS))


def _causes(story: Json) -> list[Json]:
    """What was held for a cause, each once, with the evidence that it rests on."""
    found: dict[str, Json] = {}
    seen = {row["id"]: row["source"] for row in story["evidence"]}
    for row in story["attempts"]:
        cited = [f"[{number}] {seen.get(number, 'no longer kept')}" for number in row["evidence_ids"]]
        found.setdefault(row["cause"], {"cause": row["cause"], "cited": cited, "outcome": row["outcome"] or "under way"})
    return list(found.values())


def _open_ends(story: Json) -> list[str]:
    task = story["task"]
    questions = [row for row in story["interventions"] if row["status"] == "pending"]
    told = [f"question {row['id']} ({row['kind']}) waits for an answer: {row['question']}" for row in questions]
    if task["resolved_at"] is None:
        told += [line.strip() for line in remains(story)]
    return told + [f"nobody answered: {item}" for handoff in task["handoffs"] for item in handoff.get("open_questions", ())]
