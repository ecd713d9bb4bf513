"""From a written plan to a plan of this incident: only candidates that code built from its scope.

A step is a kind of action (`restart_unit`), or a kind and whose (`start_unit {needed}`, `run_command requeue`): the second word is
compared with what the candidates are called, so that one from a forged log line finds nothing. `restore_config *` means every
candidate of that kind at once: what belongs together, as the two halves of a pair do.
"""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.knowledge.conditions import filled
from orchestrator.model import Action, Case, is_unit

_BRING_UP = "bring_up"
"""The one word of plans that is no kind: start the fault's own target if it is down, restart it if it is up, whatever runs it."""
_ALL = " *"


def variants(steps: Sequence[str], case: Case, offered: Sequence[Action], facts: Mapping[str, str]) -> Iterator[tuple[Action, ...]]:
    """The plans that the steps can mean here, the smallest first. None when a step has no candidate.

    Of several candidates for one step (two files that differ), each alone is tried before all together.
    """
    choices: list[tuple[tuple[Action, ...], ...]] = []
    for step in steps:
        if step == _BRING_UP and len(steps) > 1 and case.fault.check == "probe_failing" and not is_unit(case.fault.target):
            continue  # what nobody here runs is only watched: there is nothing to bring up
        found = _resolve(step, case, offered, facts)
        if not found:
            return
        choices.append((found,) if step.endswith(_ALL) else _acts(found))
    widest = max((len(choice) for choice in choices), default=0)
    for n in range(widest if widest > 1 else 0):
        yield tuple(action for choice in choices for action in choice[min(n, len(choice) - 1)])
    yield tuple(action for choice in choices for act in choice for action in act)


def _acts(found: Sequence[Action]) -> tuple[tuple[Action, ...], ...]:
    """The actions by what one act of somebody's has done: `chown -R` changes a directory and what lies in it, and so it is undone."""
    acts: list[list[Action]] = []
    for action in sorted(found, key=lambda one: len(one.targets()[0])):
        above = (act for act in acts if action.targets()[0].startswith(f"{act[0].targets()[0]}/"))
        if act := next(above, None):
            act.append(action)
        else:
            acts.append([action])
    return tuple(map(tuple, sorted(acts, key=lambda act: found.index(act[0]))))


def _resolve(step: str, case: Case, offered: Sequence[Action], facts: Mapping[str, str]) -> tuple[Action, ...]:
    if step == _BRING_UP:
        start, restart = ("start_unit", "start_service"), ("restart_unit", "restart_service")
        # A unit in a crash loop is up and down by turns; a restart fits both.
        up = facts.get("unit.up") or case.fault.check == "unit_crash_loop"
        kinds = (*restart, *start) if up else (*start, *restart)
        return next((own for kind in kinds if (own := _aimed_at((case.fault.target,), _of_kind(kind, offered)))), ())
    kind, _, whose = step.partition(" ")
    found = _of_kind(kind, offered)
    if step.endswith(_ALL):
        return found
    if whose:
        return tuple(action for action in found if filled(whose, facts) in _names(action))
    return _aimed_at((case.fault.target,), found) or _aimed_at(case.scope.below, found) or found


def _names(action: Action) -> tuple[str, ...]:
    """What it can be called by: its targets, its risk (`run_command low`), and a command of the operator by its own name."""
    return (*action.targets(), str(action.level), getattr(action, "name", ""))


def _of_kind(kind: str, offered: Sequence[Action]) -> tuple[Action, ...]:
    return tuple(action for action in offered if action.kind == kind)


def _aimed_at(targets: Sequence[str], found: Sequence[Action]) -> tuple[Action, ...]:
    """Those at the fault's own target come first, then those at what it needs; what merely stands on it is the last."""
    return tuple(action for action in found if set(action.targets()) & set(targets))


def kinds_allowed(step: str, known: frozenset[str]) -> bool:
    return step == _BRING_UP or step.partition(" ")[0] in known
