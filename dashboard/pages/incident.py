"""One incident: how it stands, what was tried, who said what, what was seen."""

import re
from typing import Any

from flask import abort, render_template, request

from dashboard.here import here
from dashboard.numbers import NUMBER
from dashboard.pages.blueprint import blueprint
from dashboard.pages.story import told
from escalation.timeline import timeline
from escalation.verdict import left_out, remains, verdict
from orchestrator.model import Json


@blueprint.get(f"/incidents/{NUMBER}")
def incident(number: int) -> str:
    story = here().reader.story(number)
    if story is None:
        abort(404, f"there is no incident {number}")
    return render_template("incident.html", **parts(story))


@blueprint.app_template_filter()
def shouted(text: str) -> tuple[str, str]:
    """The words in capitals that a verdict begins with, and the rest of it."""
    found = re.match(r"([A-Z]{2,}|A)(?: (?:[A-Z]{2,}|A)\b)*\b", text)
    end = found.end() if found else 0
    return text[:end], text[end:]


def parts(story: Json) -> dict[str, Any]:
    """What the pages of an incident and of its escalation have in common."""
    task = story["task"]
    parts = told(story, all_seen="seen" in request.args)
    return {
        "story": story,
        "task": task,
        "verdict": verdict(story),
        "remains": tuple(remains(story)),
        "told": parts,
        "there": frozenset(item.row["id"] for item in parts.seen),
        "similar": here().reader.similar(task["id"], 8),
        "moments": timeline(story),
        "left_out": left_out(story),
        "reviews": [row for row in story["interventions"] if row["kind"] == "review"],
    }
