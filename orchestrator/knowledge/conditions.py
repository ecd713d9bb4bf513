"""How knowledge written as data matches a case: a table of facts and what they must be.

"unit.exit" = ["crash", "clean"]    one of these
"config.test" = "!fails"            anything but this, also nothing
"can.restore_config" = "*"          there is such a fact
"disk.full" = ""                    there is no such fact
"listed" = "~.*/cache/.*"           the whole value matches this regular expression
"""

import re
from collections.abc import Mapping

Wanted = str | tuple[str, ...]
Conditions = dict[str, Wanted]


def holds(conditions: Mapping[str, Wanted], facts: Mapping[str, str]) -> bool:
    """Whether every condition holds."""
    return all(_one(wanted, facts.get(name, "")) for name, wanted in conditions.items())


def _one(wanted: Wanted, value: str) -> bool:
    if isinstance(wanted, tuple):
        return any(_one(item, value) for item in wanted)
    if wanted == "*":
        return bool(value)
    if wanted.startswith("!"):
        return value != wanted[1:]
    if wanted.startswith("~"):
        return re.fullmatch(wanted[1:], value) is not None
    return value == wanted


def problem(conditions: Mapping[str, Wanted]) -> str:
    """What is wrong with conditions that somebody wrote; empty when nothing is."""
    for name, wanted in conditions.items():
        for item in wanted if isinstance(wanted, tuple) else (wanted,):
            if item.startswith("~"):
                try:
                    re.compile(item[1:])
                except re.error as error:
                    return f"{name}: {item!r} is no regular expression: {error}"
    return ""


def filled(text: str, facts: Mapping[str, str]) -> str:
    """`{fact}` in a sentence replaced by its value; an unknown one by a dash. Not str.format: a log line may hold braces."""
    return re.sub(r"\{([a-z_.]+)\}", lambda match: facts.get(match[1], "-"), text)
