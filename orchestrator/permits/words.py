"""What the hands know when they are asked: what they did lately, what an action comes to on this host, and what people said."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.config import Config
from orchestrator.model import Action, Verdict, Word


class Performed(Word):
    """One entry of the hands' own record."""

    change_id: int
    op: str
    at: float
    kind: str
    targets: tuple[str, ...]
    follows: bool = False
    """It brought back what ran before, as part of its root's repair."""


class Reached(Word):
    """One unit that an action has to do with, as the hands saw it just now."""

    name: str
    names: tuple[str, ...] = ()
    """All of them: an alias says nothing of what stands behind it."""
    belongs: Literal["declared", "near", "stranger"] = "stranger"
    """Near is what a declared unit needs, and what needs one."""
    ran_before: bool = False
    """The hands saw it run, and the boot starts it or nobody has stopped it since."""
    unasked: str = ""
    """Why nobody starts it unasked: `a oneshot`, `a transient unit`, `stopped by a person`."""


class Reach(Word):
    """What an action comes to on this host beyond its own words."""

    units: tuple[Reached, ...] = ()
    falls: tuple[str, ...] = ()
    """What runs and would go down, or be started anew, with the jobs that it queues: its own units too, by all their names."""
    endless: bool = False
    """So much hangs on it that it was not followed to the end."""

    def others(self) -> tuple[str, ...]:
        """What falls beside the units that it is about."""
        own = {name for unit in self.units for name in (unit.name, *unit.names)}
        return tuple(name for name in self.falls if name not in own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One action, and all that the hands know of it. `approved`, `follows`: that a person allowed it, that it belongs to a repair."""

    action: Action
    config: Config
    recent: Sequence[Performed]
    now: float
    reach: Reach
    approved: bool = False
    follows: bool = False


def first_word(said: Iterable[tuple[Callable[..., str], str]]) -> Verdict:
    """The first rule that speaks against it has the last word; its name as tables and pages show it."""
    for rule, reason in said:
        if reason:
            return Verdict(answer="deny", rule=rule_name(rule), reason=reason)
    return Verdict(answer="allow", rule="permitted")


def rule_name(rule: Callable[..., object]) -> str:
    """`_breaker_host` is `breaker-host`."""
    return rule.__name__.strip("_").replace("_", "-")
