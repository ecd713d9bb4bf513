"""What the daemon learned here, and a person's word on it."""

import json
from typing import Any

from flask import abort, render_template, request

from dashboard.here import here
from dashboard.numbers import NUMBER, is_number
from dashboard.pages.blueprint import blueprint
from dashboard.pages.plans import as_text, steps_of
from escalation.offers import offers
from escalation.plans import parse_step
from escalation.text import one_line
from orchestrator.model import Json

_QUESTIONS = {
    "trust": ("Trust", "It is used before anything else, until it loses."),
    "demote": ("Demote", "It is kept with its record, and not used."),
    "forget": ("Forget", "It is removed with its record. Taught again it begins anew, on probation."),
}
_PLAN_CHARACTERS = 20_000
_SHOWN = 100


@blueprint.get("/patterns")
def patterns() -> str:
    rows = here().reader.patterns()
    return render_template("patterns.html", rows=rows[:_SHOWN], left_out=max(0, len(rows) - _SHOWN))


@blueprint.get(f"/patterns/{NUMBER}")
def pattern(number: int) -> str:
    row = _found(number)
    return render_template("pattern.html", row=row, steps=steps_of(row["plan"]), preview=here().reader.preview(row["signature"]))


@blueprint.get(f"/patterns/{NUMBER}/<any(trust, demote, forget):verb>")
def pattern_confirm(number: int, verb: str) -> str:
    """What it means, before it is done."""
    row = _found(number)
    word, about = _QUESTIONS[verb]
    return render_template("pattern_confirm.html", row=row, steps=steps_of(row["plan"]), verb=verb, word=word, about=about)


@blueprint.get("/patterns/teach")
def pattern_teach() -> str:
    """For the kind of fault of one incident (`incident` in the address)."""
    asked = request.args.get("incident", "")
    story = here().reader.story(int(asked)) if is_number(asked) else None
    if story is None:
        abort(404, f"there is no incident {one_line(asked, 40)}; open the incident whose kind of fault you want to teach")
    return render_template("teach.html", **teaching(story["task"]))


def teaching(task: Json) -> dict[str, Any]:
    """What could be taught for an incident's kind of fault, and the past incidents that it would have met."""
    text = request.args.get("plan", "")[:_PLAN_CHARACTERS]
    return {
        "task": task,
        "offers": _offers(task["id"]),
        "text": text,
        "preview": here().reader.preview(task["fingerprint"]),
        **_read(text),
    }


def _offers(task_id: int) -> tuple[Json, ...]:
    """Plans to pick from."""
    story, similar = here().reader.story(task_id), here().reader.similar(task_id)
    found = offers(story, here().config, similar) if story else ()
    return tuple({"steps": steps_of(offer.plan), "text": as_text(offer.plan), "why": offer.why} for offer in found)


def _read(text: str) -> Json:
    """The plan as it was written, or why it is none."""
    try:
        steps = [parse_step(line).model_dump(mode="json") for line in text.splitlines() if line.strip()]
    except (ValueError, json.JSONDecodeError) as error:
        return {"steps": (), "wrong": str(error)}
    return {"steps": steps_of(steps), "wrong": ""}


def _found(number: int) -> Json:
    row = next((row for row in here().reader.patterns() if row["id"] == number), None)
    if row is None:
        abort(404, f"there is no pattern {number}")
    return row
