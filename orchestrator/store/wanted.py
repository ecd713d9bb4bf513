"""A filter as it stands in an address: parsed from a hostile query string, and written back into one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, StringConstraints, ValidationError

from orchestrator.model import Json, Word

ESCALATION_STATES = ("open", "acknowledged", "snoozed", "resolved")
"""As lists and tabs know them: a snoozed one counts as that until its time is over, whoever has it."""
INCIDENT_STATES = ("open", "healing", "waiting", "fixed", "escalated", "cleared", "dismissed", "merged")
LIVE_STATES = ("open", "healing", "waiting", "escalated")
"""Of incidents whose fault stands, symptoms left aside."""

_State = Literal[
    "open", "acknowledged", "snoozed", "resolved", "healing", "waiting", "fixed", "escalated", "cleared", "dismissed", "merged"
]
_Severity = Literal["critical", "high", "warning", "info"]
_Sort = Literal["newest", "oldest", "severity", "updated"]
_Text = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
LIMIT = 200
"""Rows of one page, at most."""
_LISTS = ("status", "severity")
_NUMBERS = ("phase", "limit")


class Wanted(Word):
    """Which rows, in which order, and from where on. All that is given must hold."""

    status: Annotated[tuple[_State, ...], Field(max_length=11)] = ()
    severity: Annotated[tuple[_Severity, ...], Field(max_length=4)] = ()
    check: _Text = ""
    target: _Text = ""
    owner: _Text = ""
    phase: Annotated[int, Field(ge=1, le=4)] | None = None
    q: _Text = ""
    """Words that all stand in title, target or reason; each may be the beginning of one."""
    tray: bool = False
    """Escalations that ended by themselves and that nobody looked at."""
    sort: _Sort = "newest"
    after: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9 :.~-]*$")] = ""
    """`Listing.next` of the page before; it belongs to one `sort`."""
    limit: Annotated[int, Field(ge=1, le=LIMIT)] = 50

    @classmethod
    def read(cls, args: Mapping[str, str | Sequence[str]]) -> Self:
        """From a query string: `status=open,acknowledged` or `status=open&status=acknowledged`; what is empty is not asked for.

        Raises ValueError: what is wrong, where, and what would be right.
        """
        given: Json = {}
        for name, value in args.items():
            texts = [value] if isinstance(value, str) else list(value)
            parts = [part for text in texts for part in (text.split(",") if name in _LISTS else [text])]
            if filled := [part.strip() for part in parts if part.strip()]:
                given[name] = _typed(name, filled)
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ValueError(_why(error)) from None

    def address(self, **changes: object) -> str:
        """The query string of this filter, with some of it changed; the first page, unless `after` is said."""
        asked = {**self.model_dump(exclude={"after"}, exclude_defaults=True), **changes}
        return urlencode({name: _text(value) for name, value in asked.items() if value not in ("", (), None, False)}, safe=",:")


def _typed(name: str, filled: list[str]) -> object:
    if name in _LISTS:
        return tuple(dict.fromkeys(filled))
    if len(filled) > 1:
        raise ValueError(f"{name}: given {len(filled)} times; say it once")
    (text,) = filled
    return int(text) if name in _NUMBERS and text.isascii() and text.isdecimal() and len(text) < 10 else text


def _why(error: ValidationError) -> str:
    """One line for a person who wrote the address by hand."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])[:40] if first["loc"] else "?"
    if first["type"] == "extra_forbidden":
        return f"{name!a}: there is no such filter; there are {', '.join(Wanted.model_fields)}"
    return f"{name}: {first['msg']}"


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if value is True else str(value)
