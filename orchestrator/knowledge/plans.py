"""From a written plan (kinds of actions) to a plan of this incident: only candidates that code built from its scope."""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.model import Action, Case

_BRING_UP = "bring_up"
"""The one word of plans that is no kind: start what is down, restart what is up, whatever runs it."""


def variants(steps: Sequence[str], case: Case, offered: Sequence[Action], facts: Mapping[str, str]) -> Iterator[tuple[Action, ...]]:
    """The plans that the steps can mean here, the smallest first. None when a step has no candidate.

    Of several candidates for one step (two files that differ), each alone is tried before all together.
    """
    choices: list[tuple[Action, ...]] = []
    for step in steps:
        found = _resolve(step, case, offered, facts)
        if not found:
            return
        choices.append(found)
    widest = max((len(choice) for choice in choices), default=0)
    if widest > 1:
        for n in range(widest):
            yield tuple(choice[min(n, len(choice) - 1)] for choice in choices)
    yield tuple(action for choice in choices for action in choice)


def _resolve(step: str, case: Case, offered: Sequence[Action], facts: Mapping[str, str]) -> tuple[Action, ...]:
    if step == _BRING_UP:
        kinds = ("restart_unit", "restart_service") if facts.get("unit.up") else ("start_unit", "start_service")
        return next((found for kind in kinds if (found := _of_kind(kind, case, offered))), ())
    return _of_kind(step, case, offered)


def _of_kind(kind: str, case: Case, offered: Sequence[Action]) -> tuple[Action, ...]:
    """The candidates of a kind; where some aim at the fault's own target, only those."""
    found = tuple(action for action in offered if action.kind == kind)
    own = tuple(action for action in found if case.fault.target in action.targets())
    return own or found


def kinds_allowed(step: str, known: frozenset[str]) -> bool:
    return step == _BRING_UP or step in known
