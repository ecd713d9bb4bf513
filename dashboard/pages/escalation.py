"""One escalation: the verdict, what is asked with exactly what would run, and the whole story beneath."""

from dataclasses import dataclass

from flask import abort, render_template

from dashboard.here import here
from dashboard.numbers import NUMBER
from dashboard.pages.blueprint import blueprint
from dashboard.pages.incident import parts
from dashboard.pages.patterns import teaching
from dashboard.pages.plans import Step, as_text, is_shown, steps_of
from dashboard.pages.story import votes_of
from escalation.interventions import options_of
from escalation.timeline import of_escalation, timeline
from escalation.verdict import left_out
from escalation.words import Option
from orchestrator.model import Json


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question. `row` is as stored."""

    row: Json
    steps: tuple[Step, ...]
    shown: bool
    """What stands on the page is what was asked about: only that can be approved."""
    text: str
    """The plan as a person edits it."""
    options: tuple[Json, ...]
    attempt: Json | None
    """The one that the policy answered with this question."""
    decided: Json | None
    """A click on it that the daemon has not taken up yet."""


@blueprint.get(f"/escalations/{NUMBER}")
def escalation(number: int) -> str:
    found = _found(number)
    task = found["task"]
    story = here().reader.story(task["id"]) if task else None
    told = parts(story) if story else _left(found)
    told["left_out"] = left_out(found, *((story,) if story else ()))
    return render_template("escalation.html", found=found, row=found["escalation"], asked=_asked(found, story), **told)


@blueprint.get(f"/escalations/{NUMBER}/teach")
def teach_with(number: int) -> str:
    """Resolving with the plan that mended it: what it could be, and the past incidents that it would have met."""
    found = _found(number)
    if not found["task"]:
        abort(404, "the incident of this escalation is gone")
    return render_template("resolve_teach.html", found=found, row=found["escalation"], **teaching(found["task"]))


def _left(found: Json) -> Json:
    """What is known of an escalation whose incident is no longer kept."""
    return {"task": None, "votes": votes_of(found["agent_consultations"]), "moments": timeline(of_escalation(found))}


def _found(number: int) -> Json:
    found = here().reader.escalation(number)
    if found is None:
        abort(404, f"there is no escalation {number}")
    return found


def _asked(found: Json, story: Json | None) -> Asked | None:
    """The question that is open, as it would run; one that asks something comes before a plain hand-over."""
    pending = [row for row in found["interventions"] if row["status"] == "pending" and row["kind"] not in ("review", "escalation")]
    if not pending:
        return None
    row = pending[-1]
    attempts = story["attempts"] if story else []
    return Asked(
        row=row,
        steps=steps_of(row["plan"]),
        shown=is_shown(row) if row["plan"] else False,
        text=as_text(row["plan"]),
        options=tuple(_option(option) for option in options_of(row["options"])),
        attempt=next((attempt for attempt in reversed(attempts) if attempt["hash"] == row["hash"]), None),
        decided=_waiting(found["escalation"]["id"]),
    )


def _option(option: Option) -> Json:
    plan = [action.model_dump(mode="json") for action in option.plan]
    return {**option.model_dump(exclude={"plan"}), "steps": steps_of(plan), "sure": option.sure}


def _waiting(number: int) -> Json | None:
    """What somebody decided already and the daemon has not taken up yet."""
    waiting = (row for row in here().reader.decisions() if row["answered_at"] is None and isinstance(row["args"], dict))
    return next((row for row in waiting if row["args"].get("escalation_id") == number), None)
