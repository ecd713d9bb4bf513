"""The templates, and how a case and a mail read."""

import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from escalation.text import one_line, plain
from orchestrator.model import Case, Handoff, utc
from orchestrator.store import mask

if TYPE_CHECKING:
    from jinja2 import Environment

COLUMNS = 78
EVIDENCE_SHOWN = 12
EVIDENCE_LINES = 20
EVIDENCE_CHARACTERS = 1500
_ACTION = re.compile(r" +[0-9]+\. ")
STORY_CHARACTERS = 25_000
"""Of each of the two parts of a story: together they fit a mail."""


@cache
def _templates() -> "Environment":
    """Made at the first story: on a host where nothing goes wrong nobody pays 2 MB for it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    templates = Environment(
        loader=PackageLoader("escalation"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),  # the others are plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(line=one_line, clock=_clock, tail=_tail, wrap=wrap)
    return templates


def story(case: Case) -> str:
    """The case as plain text: what is wrong, what was tried with verdict and outcome, what was ruled out, what was seen."""
    return f"{_folded(told(case))}\n{seen(case)}"


def told(case: Case) -> str:
    """What is wrong, what was tried, what was ruled out."""
    since, occurrences = utc(case.incident.detected_at)[:19], case.incident.occurrences
    of = {"symptoms": case.incident.symptoms, "tried": case.tried, "handoffs": tuple(_each_once(case.handoffs))}
    return plain(mask(render("told.txt.j2", fault=case.fault, since=since, occurrences=occurrences, **of)), STORY_CHARACTERS)


def _each_once(handoffs: tuple[Handoff, ...]) -> Iterator[Handoff]:
    """What was ruled out stays ruled out: a later phase, or the same one tried anew, does not say it again."""
    said: set[object] = set()
    for item in handoffs:
        ruled_out = tuple(word for word in dict.fromkeys(item.ruled_out) if word not in said)
        if ruled_out or item.open_questions or (item.phase, item.reason) not in said:
            yield item.model_copy(update={"ruled_out": ruled_out})
        said |= {(item.phase, item.reason), *ruled_out}


def seen(case: Case) -> str:
    """The latest evidence, the end of each."""
    left_out = max(0, len(case.evidence) - EVIDENCE_SHOWN)
    text = render("seen.txt.j2", evidence=case.evidence[-EVIDENCE_SHOWN:], evidence_left_out=left_out)
    return plain(mask(text), STORY_CHARACTERS)


def render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(**values)


def local_time(at: float) -> str:
    """The host's own time with its offset, which is what the person who reads it has on the wall; and UTC, as in all tables."""
    here = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{utc(at)[:19]} UTC" + (f" ({here:%Y-%m-%d %H:%M %z} here)" if here.utcoffset() else "")


def wrap(text: str, first: str = "", rest: str = "") -> str:
    """Prose for a plain mail; each line of it begins as it says. A word is never broken: it may be a path, or a link."""
    fill = partial(textwrap.fill, width=COLUMNS, break_long_words=False, break_on_hyphens=False)
    lines = str(text).splitlines() or [""]
    return "\n".join(fill(line, initial_indent=first if n == 0 else rest, subsequent_indent=rest) for n, line in enumerate(lines))


def _folded(told: str) -> str:
    """With its prose wrapped, each line's rest further in; an action with its command line stays whole."""
    return "\n".join(
        line if _ACTION.match(line) else wrap(line, rest=" " * (4 + len(line) - len(line.lstrip()))) for line in told.split("\n")
    )


def _clock(at: float) -> str:
    return utc(at)[:19]


def _tail(text: str) -> str:
    lines = plain(text, EVIDENCE_CHARACTERS).splitlines()
    left_out = [f"[{len(lines) - EVIDENCE_LINES} lines before are left out]"] if len(lines) > EVIDENCE_LINES else []
    return "\n".join(left_out + lines[-EVIDENCE_LINES:])
