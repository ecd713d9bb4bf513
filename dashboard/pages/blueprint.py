"""The blueprint, and the filters that its templates speak with."""

from functools import lru_cache
from urllib.parse import urlencode

from flask import Blueprint, request, url_for
from markupsafe import Markup, escape

from dashboard.pages.looks import look
from escalation.text import one_line, plain
from orchestrator.store.times import ago, between, clock, lasting, until

blueprint = Blueprint("pages", __name__)

TAIL_CHARACTERS = 6000
"""Of one observation or answer: the end of a log is what tells."""


@blueprint.app_template_filter()
def line(text: object, limit: int = 400) -> str:
    return one_line("" if text is None else text, limit)


@blueprint.app_template_filter()
def said(detail: object, limit: int = 300) -> str:
    """Plain data in a row, as words."""
    if not isinstance(detail, dict):
        return line(detail, limit)
    return line(", ".join(f"{name} {value}" for name, value in detail.items() if value not in ("", None)), limit)


@blueprint.app_template_filter()
def tail(text: object, limit: int = TAIL_CHARACTERS) -> str:
    return plain("" if text is None else str(text), limit)


@blueprint.app_template_filter()
def when(at: str | None, words: str = "ago") -> Markup | str:
    """A time of the tables as how long ago (or `until`, or `clock`), with the moment itself for the pointer and the machine."""
    if not at:
        return ""
    told = {"ago": ago, "until": until, "clock": clock, "minute": _minute}[words](at)
    return Markup(f'<time datetime="{escape(at[:19].replace(" ", "T"))}Z" title="{escape(clock(at))}">{escape(told)}</time>')  # noqa: S704


def _minute(at: str) -> str:
    return f"{at[5:16]} UTC"


blueprint.add_app_template_global(look)
blueprint.add_app_template_filter(between)
blueprint.add_app_template_filter(lasting)


@blueprint.app_template_global()
def icon(name: str) -> Markup:
    """From the sprite; the word beside it is what speaks."""
    return _drawn(name, request.script_root)


@lru_cache(500)
def _drawn(name: str, root: str) -> Markup:
    """Once each: a list has hundreds of them, and the address of the sprite is half of a page's time."""
    del root  # `url_for` puts it before the address
    sprite = url_for("static", filename="icons.svg")
    return Markup('<svg class="icon" fill="none" aria-hidden="true"><use href="{}#{}"></use></svg>').format(sprite, name)


@blueprint.app_template_global()
def address(**changes: object) -> str:
    """This page's own address with some of its query changed; an empty value leaves a part away."""
    asked = {**request.args.to_dict(), **changes}
    query = urlencode({name: str(value) for name, value in asked.items() if value not in ("", None)}, safe=",:")
    return f"{request.path}?{query}" if query else request.path
