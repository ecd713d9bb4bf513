"""Actions: one file each, found at load. An action is one typed change: what it touches, how to do it, prove it and undo it.

    class StartUnit(OnUnit):
        kind: Literal["start_unit"] = "start_unit"      # the file's own name
        ...

A new file with such a class is all it takes: phases, policy, hands and tables know actions only by their fields. A module
here without one (`units.py`) holds what several actions share.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter

from orchestrator.model import Action, Json


@cache
def all_actions() -> tuple[type[Action], ...]:
    """Every action of this package, by kind."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        members = vars(import_module(f"{__name__}.{module.name}")).values()
        found += [member for member in members if _is_action(member) and member.model_fields["kind"].default == module.name]
    return tuple(found)


def parse(data: Json) -> Action:
    """Plain data into the one action that it is. Raises pydantic.ValidationError, a ValueError."""
    return _any_action().validate_python(data)


def schema() -> Json:
    """The JSON schema of any action: what an answer may consist of."""
    return _any_action().json_schema()


def _is_action(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Action)


@cache
def _any_action() -> TypeAdapter[Action]:
    union: Any = Union[all_actions()]  # noqa: UP007  # its members are known at run time alone
    return TypeAdapter(Annotated[union, Field(discriminator="kind")])
