"""Every form of every page ends here: it becomes an act, the act is performed, and the next page tells what came of it."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from dashboard.bulk import AT_MOST, perform_on, summed
from dashboard.flashes import Flash, Way, as_fields, flash, of_done
from dashboard.here import here
from dashboard.login import local
from dashboard.numbers import NUMBER, is_number
from dashboard.trouble import of_parse, told
from escalation.acts import ACTS, Act, StillStands
from orchestrator.model import Json, digest

blueprint = Blueprint("forms", __name__)

OWN_FIELDS = ("csrf_token", "next", "ids", "verb", "once")
"""Not the act's."""
Answer = Response | tuple[str, int]


@blueprint.post(f"/<any(escalation, intervention, incident, pattern, window):of>s/{NUMBER}/<verb>")
@blueprint.post(f"/memories/{NUMBER}/<verb>", defaults={"of": "memory"})
def act(of: str, number: int, verb: str) -> Answer:
    return _perform(act_class(of, verb), number)


@blueprint.post("/host/<verb>")
def act_on_host(verb: str) -> Answer:
    return _perform(act_class("host", verb), 0)


@blueprint.post("/escalations/bulk")
def bulk() -> Answer:
    """`verb` and `ids`; `text` is the resolution, or else the note that is kept with the act."""
    given = fields_of(request.form)
    try:
        ids = ids_of(request.form.getlist("ids"))
        wanted = act_class("escalation", request.form.get("verb", ""))
        if text := given.pop("text", ""):
            given["resolution" if "resolution" in wanted.model_fields else "note"] = text
        asked = wanted.model_validate({name: value for name, value in given.items() if name in wanted.model_fields})
    except (ValidationError, ValueError) as error:
        return told(of_parse(error))
    return _next(summed(tuple(perform_on(ids, asked, here().operator, once(given))), asked))


def _perform(wanted: type[Act], number: int) -> Answer:
    given = fields_of(request.form)
    try:
        asked = wanted.model_validate(given)
    except ValidationError as error:
        return told(of_parse(error))
    try:
        return _next(of_done(here().operator.perform(asked, number, once=once(given))))
    except StillStands as error:
        again = Way(path=request.path, verb=asked.verb, fields={**as_fields(given), "anyway": "true"})
        page = render_template("confirm.html", why=str(error), again=again, next=local(request.form.get("next", "")))
        return page, HTTPStatus.CONFLICT


def once(given: Json) -> str:
    """The name of this very click: the same form sent twice, by an impatient finger or after a death, is one act."""
    form = request.form.get("once", "")[:100]
    return digest([form, given]) if form else ""


def act_class(of: str, verb: str) -> type[Act]:
    """Raises NotFound."""
    found = ACTS.get((of, verb))
    if found is None:
        raise NotFound(f"there is nothing that is called {verb!r} here")
    return found


def fields_of(form: MultiDict[str, str]) -> Json:
    """What the act is said with. An empty field is one that nobody filled in."""
    return {name: value for name, value in form.items() if name not in OWN_FIELDS and value.strip()}


def ids_of(texts: list[str]) -> list[int]:
    """From boxes that were ticked, or `1,2,3`. Raises ValueError."""
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not all(map(is_number, parts)):
        raise ValueError("ids: each is an escalation's number")
    if not 1 <= len(parts) <= AT_MOST:
        raise ValueError(f"ids: choose one at least, and {AT_MOST} at most")
    return [int(part) for part in parts]


def _next(told_there: Flash) -> Response:
    flash(told_there)
    return redirect(local(request.form.get("next", "")), HTTPStatus.SEE_OTHER)
