"""One observation as a model may read it: its source decides how it is told, and what comes from an unknown one is distrusted."""

import json

from escalation.text import one_line, plain
from orchestrator.knowledge.retelling import is_name, kinds, observed, retold
from orchestrator.model import Action, Evidence, Json, utc
from orchestrator.store import mask
from phases.models import Turn

_OURS = frozenset((
    "clock", "crontab", "dependencies", "limits", "loaded", "logins", "memory", "package", "recurrence",
    "resources", "setting_up", "unit_state", "look unit", "look changes", "look similar", "host", "failed units",
))  # fmt: skip
"""Observations told by our own code of what systemd, the kernel and the configuration say."""
_WITH_NAMES = frozenset((
    "before the change", "certificates", "configuration", "container_runner", "containers", "databases", "disk_contents", "disk_room",
    "hanging", "intrusion", "job", "kernel_says", "listeners", "lost_and_found", "mount_state", "names", "reach", "rivals", "suspects",
    "look processes", "look sockets", "look disk",
))  # fmt: skip
"""The same with names in them that anybody may have given: of files, of processes, of peers."""
_FILE = "look file"
"""What an administrator wrote; `looks/file.py` reads no other."""
_PAST = "look similar"
_PERSON = "person "
_QUOTE = "description: "
"""How a line of ours begins that quotes what a unit says of itself: whoever wrote it, a stick with a name too."""
CANDIDATES = "candidates"

ITEM_CHARACTERS = 2500
_DEED_CHARACTERS = 300
_ANSWER_CHARACTERS = 6000
_NO_NAME = "<name>"
_LINES, _LINE_CHARACTERS = 25, 300
FACTS, FACT_CHARACTERS = 40, 300


def weighs(evidence: Evidence) -> bool:
    """Whether it was read from the host itself: what a log, an answer or a person says counts only beside such a thing.

    That something could not be read tells nothing of the host, and what happened once tells nothing of today.
    """
    blind = any(name.startswith("blind.") for name in evidence.facts) or any(map(_is_blind, evidence.text.splitlines()[:2]))
    return evidence.source in {*_OURS, *_WITH_NAMES, _FILE} - {_PAST} and not blind


def _is_blind(line: str) -> bool:
    return line.startswith("could not be read")


def evidence_item(item: Evidence, known: frozenset[str] = frozenset()) -> Json:
    """One observation, in the way that its source allows."""
    one: Json = {"id": item.id, "source": one_line(item.source, 80), "at": time_of(item.at)}
    if item.source in (*_OURS, *_WITH_NAMES):
        text = observed(_requoted(mask(plain(item.text, 20_000)), known), known, names_of_others=item.source in _WITH_NAMES)
        one |= _cut("text", text)
    elif item.source == _FILE or item.source.startswith(_PERSON):
        one |= _cut("text", mask(plain(item.text, 20_000)))
    else:
        lines = kinds(mask(item.text), known)
        one["lines"] = [{"line": one_line(kind.line, _LINE_CHARACTERS), "times": kind.times} for kind in lines[-_LINES:]]
        if len(lines) > _LINES:
            one["kinds_left_out"] = len(lines) - _LINES
    facts = {name: _fact(name, value, item, known) for name, value in sorted(item.facts.items())[:FACTS]}
    if facts := {name: value for name, value in facts.items() if value}:
        one["facts"] = facts
    if len(item.facts) > FACTS:
        one["facts_left_out"] = len(item.facts) - FACTS
    return one


def _requoted(text: str, known: frozenset[str]) -> str:
    lines = ((_QUOTE + retold(line.removeprefix(_QUOTE), known)) if line.startswith(_QUOTE) else line for line in text.splitlines())
    return "\n".join(lines)


def _fact(name: str, value: str, item: Evidence, known: frozenset[str]) -> str:
    if name.startswith("log.") or not weighs(item):
        return one_line(" / ".join(retold(line, known) for line in mask(value).splitlines()), FACT_CHARACTERS)
    return one_line(observed(mask(value), known, names_of_others=item.source in _WITH_NAMES), FACT_CHARACTERS)


def _cut(name: str, text: str) -> Json:
    """The end, since that is what tells; how much is missing is said."""
    over = len(text) - ITEM_CHARACTERS
    return {name: text} if over <= 0 else {name: text[over:], "characters_left_out": over}


def name_of(target: str) -> str:
    """A name that could be a sentence is not told."""
    return target if is_name(target) else _NO_NAME


def deed(action: Action) -> str:
    """What an action does, in its own words, without what anybody may have named: a file, or where a link leads."""
    fields = (value if isinstance(value, list) else [value] for value in action.model_dump(mode="json").values())
    told, said = action.about(), {text for field in fields for text in field if isinstance(text, str)}
    for text in sorted((*said, *action.targets()), key=len, reverse=True):
        told = told if not text or is_name(text) else told.replace(text, _NO_NAME)
    return one_line(told, _DEED_CHARACTERS)


def own_words(answer: Json) -> Turn:
    """What a model said goes back to it as far as it is bounded: a long answer is not paid for twice."""
    return Turn(role="assistant", text=as_text(answer)[:_ANSWER_CHARACTERS])


def user(document: Json) -> Turn:
    return Turn(role="user", text=as_text(document))


def once_more(answer: Json, problem: str) -> tuple[Turn, Turn]:
    """What it said, and what of that does not hold: the one chance to repair it."""
    return own_words(answer), user({"problem": problem, "say": "Answer once more. Nothing else is wrong."})


def as_text(document: object) -> str:
    """ASCII alone: no mark that turns the direction of writing and no invisible letter is left."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)


def time_of(at: float) -> str:
    return utc(at)[:19]
