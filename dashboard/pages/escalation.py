"""One escalation: the verdict, what is asked with exactly what would run, and the whole story beneath."""

from typing import Any

from flask import abort, render_template

from dashboard.here import here
from dashboard.numbers import NUMBER
from dashboard.pages.blueprint import blueprint
from dashboard.pages.incident import parts
from dashboard.pages.patterns import teaching
from dashboard.pages.plans import as_text, is_shown, steps_of
from dashboard.pages.story import votes_of
from orchestrator.model import Json


@blueprint.get(f"/escalations/{NUMBER}")
def escalation(number: int) -> str:
    found = _found(number)
    task = found["task"]
    story = here().reader.story(task["id"]) if task else None
    told = parts(story) if story else {"task": None, "votes": votes_of(found["agent_consultations"])}
    return render_template("escalation.html", found=found, row=found["escalation"], asked=_asked(found), **told)


@blueprint.get(f"/escalations/{NUMBER}/teach")
def teach_with(number: int) -> str:
    """Resolving with the plan that mended it: what it could be, and the past incidents that it would have met."""
    found = _found(number)
    if not found["task"]:
        abort(404, "the incident of this escalation is gone")
    return render_template("resolve_teach.html", found=found, row=found["escalation"], **teaching(found["task"]))


def _found(number: int) -> Json:
    found = here().reader.escalation(number)
    if found is None:
        abort(404, f"there is no escalation {number}")
    return found


def _asked(found: Json) -> dict[str, Any] | None:
    """The question that is open, with its plan as it would run; one that asks something comes before a plain hand-over."""
    pending = [row for row in found["interventions"] if row["status"] == "pending" and row["kind"] not in ("review", "escalation")]
    if not pending:
        return None
    row = pending[-1]
    return {"row": row, "steps": steps_of(row["plan"]), "shown": is_shown(row) if row["plan"] else False, "text": as_text(row["plan"])}
