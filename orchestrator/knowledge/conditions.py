"""How knowledge written as data matches a case: a table of facts and what they must be.

"unit.exit" = ["crash", "clean"]    one of these
"config.test" = "!fails"            anything but this, also nothing
"can.restore_config" = "*"          there is such a fact
"disk.full" = ""                    there is no such fact
"listed" = "~.*/cache/.*"           the whole value, or one whole line of it, matches this regular expression
"journal" = "~.*cannot reach (?P<needed>[^ ]+).*"    and what a named group took can be used by its name
"""

import re
from collections.abc import Mapping
from functools import cache

Wanted = str | tuple[str, ...]
Conditions = dict[str, Wanted]
_MAX_CAPTURED = 300


def holds(conditions: Mapping[str, Wanted], facts: Mapping[str, str]) -> bool:
    """Whether every condition holds."""
    return all(_one(wanted, facts.get(name, "")) for name, wanted in conditions.items())


def captured(conditions: Mapping[str, Wanted], facts: Mapping[str, str]) -> dict[str, str]:
    """What the named groups of the patterns took: text that somebody may have forged, and never more than a name to look for."""
    patterns = ((name, item[1:]) for name, wanted in conditions.items() for item in _each(wanted) if item.startswith("~"))
    taken: dict[str, str] = {}
    for name, pattern in patterns:
        if match := _search(pattern, facts.get(name, "")):
            taken.update({group: text[:_MAX_CAPTURED] for group, text in match.groupdict().items() if text})
    return taken


def groups(conditions: Mapping[str, Wanted]) -> frozenset[str]:
    """The names that `captured` may give."""
    patterns = (item[1:] for wanted in conditions.values() for item in _each(wanted) if item.startswith("~"))
    return frozenset(group for pattern in patterns for group in _compiled(pattern).groupindex)


def _one(wanted: Wanted, value: str) -> bool:
    if isinstance(wanted, tuple):
        return any(_one(item, value) for item in wanted)
    if wanted == "*":
        return bool(value)
    if wanted.startswith("!"):
        return value != wanted[1:]
    if wanted.startswith("~"):
        return _search(wanted[1:], value) is not None
    return value == wanted


def _search(pattern: str, value: str) -> re.Match[str] | None:
    """The last line that matches whole: the end of a log tells most."""
    found = (_compiled(pattern).fullmatch(line) for line in reversed(value.splitlines() or [""]))
    return next((match for match in found if match), None)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _each(wanted: Wanted) -> tuple[str, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)


def problem(conditions: Mapping[str, Wanted]) -> str:
    """What is wrong with conditions that somebody wrote; empty when nothing is."""
    for name, wanted in conditions.items():
        for item in _each(wanted):
            if item.startswith("~"):
                try:
                    re.compile(item[1:])
                except re.error as error:
                    return f"{name}: {item!r} is no regular expression: {error}"
    return ""


def placeholders(text: str) -> tuple[str, ...]:
    """The names of the facts that a sentence shows."""
    return tuple(_PLACEHOLDER.findall(text))


def filled(text: str, facts: Mapping[str, str]) -> str:
    """`{fact}` in a sentence replaced by its value; an unknown one by a dash. Not str.format: a log line may hold braces.

    An unknown one in brackets of its own, or that is all of a sentence, is left out with them.
    """
    known = _ASIDE.sub(lambda match: match[0] if facts.get(match[1] or match[2]) else "", text)
    return _PLACEHOLDER.sub(lambda match: facts.get(match[1]) or "-", known)


_PLACEHOLDER = re.compile(r"\{([a-z_.]+)\}")
_ASIDE = re.compile(r" \(\{([a-z_.]+)\}\)|(?<=\.) \{([a-z_.]+)\}$")
