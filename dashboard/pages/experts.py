"""The experts: who is asked, how often he was right here, and what he remembers."""

from flask import abort, render_template

from dashboard.here import here
from dashboard.numbers import NUMBER
from dashboard.pages.blueprint import blueprint
from dashboard.roster import roster
from escalation.text import one_line
from orchestrator.knowledge.experts import ExpertError
from orchestrator.knowledge.memory import times
from orchestrator.model import Json


@blueprint.get("/experts")
def experts() -> str:
    try:
        return render_template("experts.html", members=roster(), wrong="")
    except ExpertError as error:  # the daemon goes on with those that it has read
        return render_template("experts.html", members=(), wrong=str(error))


@blueprint.get("/experts/<path:name>")
def expert(name: str) -> str:
    try:
        found = next((member for member in roster() if member.name == name), None)
    except ExpertError as error:
        abort(404, f"the role files cannot be read: {error}")
    if found is None:
        abort(404, f"there is no expert {one_line(name, 60)}")
    return render_template("expert.html", member=found, memories=here().reader.memories(name))


@blueprint.get(f"/memories/{NUMBER}/<any(forget, correct):verb>")
def memory(number: int, verb: str) -> str:
    """What it means, before it is done."""
    return render_template("memory.html", row=_found(number), verb=verb)


blueprint.add_app_template_filter(times)


@blueprint.app_template_filter()
def chosen(row: Json) -> str:
    """What the expert said should be done."""
    return _told(row["kinds"]) or "a person takes it"


@blueprint.app_template_filter()
def instead(row: Json) -> str:
    """What healed where he had said something else."""
    return _told(row["instead"])


def _told(kinds: object) -> str:
    """A row may hold what is no list."""
    return ", ".join(str(kind).replace("_", " ") for kind in kinds) if isinstance(kinds, list) else ""


def _found(number: int) -> Json:
    row = here().reader.memory(number)
    if row is None:
        abort(404, f"there is no memory {number}")
    return row
