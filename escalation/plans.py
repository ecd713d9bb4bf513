"""Plans as people read and write them."""

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from escalation.text import one_line
from orchestrator import actions
from orchestrator.model import Action, Json


def read_plan(plan: Sequence[Json]) -> tuple[Action, ...] | None:
    """The stored plan as actions; None when this version cannot read it."""
    try:
        return tuple(actions.parse(item) for item in plan)
    except ValueError:
        return None


def lines_of(plan: Sequence[Json]) -> Iterator[str]:
    """Each action: what it does, the line that a person would type, its risk, and whether it can be undone."""
    for n, item in enumerate(plan, 1):
        known = read_plan([item])
        if known is None:
            yield f"{n}. {one_line(json.dumps(item))}  (this version cannot read it)"
            continue
        action = known[0]
        undo = "undone if it does not help" if action.reversible else "cannot be undone"
        yield f"{n}. {one_line(action.about())}  ({action.level} risk, {undo})"
        if action.command():
            yield f"   $ {one_line(action.command())}"


def parse_step(text: str) -> Action:
    """`restart_unit unit=shop.service`, or the action as JSON. Raises ValueError with what was expected."""
    data = read_json(text) if text.lstrip().startswith("{") else _fields(text)
    try:
        return actions.parse(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        wrong = "there is no such action" if first["type"] == "union_tag_invalid" else f"{where}: {first['msg']}"
        raise ValueError(f"{one_line(text, 200)!r}: {one_line(wrong, 400)}; `orchestrator actions` lists what there is") from None


def read_json(text: str) -> Any:
    """What a person wrote. Raises ValueError, also for what is nested deeper than Python reads."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _fields(text: str) -> Json:
    kind, *pairs = shlex.split(text)
    fields: Json = {"kind": kind}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{one_line(text, 200)!r}: write each field as name=value")
        fields[name] = _value(value)
    return fields


def _value(text: str) -> object:
    """A number or a list as such, anything else as the words that they are."""
    try:
        value = read_json(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | list) else text
