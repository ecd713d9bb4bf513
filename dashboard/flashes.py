"""What came of an act, told once on the next page of the session, with the form that takes it back.

Kept in this process alone, not in a cookie, which would be too small for a plan. What is lost with the process is only the telling.
"""

import json
import threading
from collections import OrderedDict

from flask import Flask, current_app, request

from dashboard.here import here
from escalation.acts import Done, Undo, many
from orchestrator.model import Json, Word

SESSIONS = 200
EACH = 5


class Way(Word):
    """A form that somebody may send: where to, and with which fields."""

    path: str
    verb: str
    fields: dict[str, str]


class Flash(Word):
    text: str
    refused: bool = False
    waits: str = ""
    undo: Way | None = None


class Flashes:
    """By session; bounded, the oldest go first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[str, tuple[Flash, ...]] = OrderedDict()

    def put(self, session: str, flash: Flash) -> None:
        with self._lock:
            self._told[session] = (*self._told.pop(session, ()), flash)[-EACH:]
            while len(self._told) > SESSIONS:
                self._told.popitem(last=False)

    def take(self, session: str) -> tuple[Flash, ...]:
        with self._lock:
            return self._told.pop(session, ())


def mount(app: Flask) -> None:
    app.extensions["flashes"] = Flashes()
    app.jinja_env.globals["get_flashed_messages"] = taken


def flash(told: Flash) -> None:
    _flashes().put(here().session, told)


def taken() -> tuple[Flash, ...]:
    """What is to be told now. A page that refreshes itself in the background must not swallow what another one is to tell."""
    return () if request.headers.get("HX-Request") else _flashes().take(here().session)


def of_done(done: Done) -> Flash:
    return Flash(text=done.text, refused=done.refused, waits=done.waits, undo=_way(done.undo) if done.undo else None)


def _way(undo: Undo) -> Way:
    path = f"/host/{undo.verb}" if undo.of == "host" else f"/{many(undo.of)}/{undo.number}/{undo.verb}"
    return Way(path=path, verb=undo.verb, fields=as_fields(undo.fields))


def as_fields(data: Json) -> dict[str, str]:
    """Plain data as a form sends it."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in data.items() if value is not None}


def _flashes() -> Flashes:
    found: Flashes = current_app.extensions["flashes"]
    return found
