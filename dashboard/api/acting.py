"""Calls that act: each act of a person, by its own name; and one act on many escalations."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from dashboard.api.asked import once, parsed, seen_version
from dashboard.bulk import AT_MOST, Fate, perform_on
from dashboard.forms import act_class
from dashboard.here import here
from dashboard.problem import Problem
from escalation.acts import Act, Done
from orchestrator.model import Json, Word
from orchestrator.store.base import as_json

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Bulk(Word):
    """One act on many escalations."""

    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=AT_MOST)]
    act: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    """Its verb: ack, resolve, …"""
    body: Json = Field(default_factory=dict)
    """What is said with it, as if it were one alone."""


def act(asked: Act, number: int = 0) -> tuple[Any, int]:
    """200 done; 202 left for the daemon, which has not taken it up yet; 409 when the daemon said no."""
    seen = seen_version()
    if seen is not None and "version" in type(asked).model_fields and getattr(asked, "version", None) is None:
        asked = asked.model_copy(update={"version": seen})
    done = here().operator.perform(asked, number, once=once())
    return (_refused(done) if done.refused else done), _status_of(done)


def bulk(asked: Bulk) -> Json:
    wanted = act_class("escalation", asked.act)
    each = parsed(wanted, as_json(asked.body).encode())
    return {"results": [_told(fate) for fate in perform_on(asked.ids, each, here().operator, once())]}


def _told(fate: Fate) -> Json:
    done = fate.done.model_dump(mode="json") if fate.done else None
    return {"id": fate.id, "done": done, "problem": fate.problem.body() if fate.problem else None}


def _status_of(done: Done) -> int:
    return HTTPStatus.CONFLICT if done.refused else HTTPStatus.ACCEPTED if done.waits else HTTPStatus.OK


def _refused(done: Done) -> Problem:
    return Problem(status=HTTPStatus.CONFLICT, detail=done.text)
