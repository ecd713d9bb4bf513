"""Patterns at work: which learned plan fits the case now. The store keeps them and counts their wins and losses."""

import re
from collections.abc import Callable, Iterator, Sequence

from orchestrator import actions
from orchestrator.model import Action, Case, Pattern, Proposal, Stage, instance_of

PERSON = "person:"
"""How the origin of what a person taught begins."""


def recall(patterns: Sequence[Pattern], case: Case, offered: Sequence[Action]) -> Iterator[Proposal]:
    """Proposals of the patterns of this signature, the best proved first, without the demoted and what was tried.

    A learned plan is replayed by kind and target: pids, digests and start times are those of today's candidates. What was
    learned on one instance of a template unit helps all of them. What a person taught need not be among the candidates.
    """
    usable = [pattern for pattern in patterns if pattern.stage is not Stage.DEMOTED and pattern.signature == case.fault.signature]
    for pattern in sorted(usable, key=lambda item: (item.stage is not Stage.TRUSTED, item.losses + item.relapses - item.wins)):
        plan = _today(pattern, case, offered)
        if plan is None:
            continue
        proposal = Proposal(
            cause=_record(pattern),
            evidence_ids=tuple(item.id for item in case.evidence),
            plan=plan,
            proposer="quick fix",
            origin=f"pattern:{pattern.id}",
        )
        if not case.has_tried(proposal):
            yield proposal


def _record(pattern: Pattern) -> str:
    if not pattern.wins:
        return "this plan was taught for this kind of fault, and has healed none yet"
    return f"the same kind of fault was healed this way {'once' if pattern.wins == 1 else f'{pattern.wins} times'} on this host"


def _today(pattern: Pattern, case: Case, offered: Sequence[Action]) -> tuple[Action, ...] | None:
    here = _renamed(pattern.plan, case.fault.target)
    plan = []
    for learned in pattern.plan:
        match = next((action for action in offered if _is_same(action, learned, here)), None)
        if match is None and pattern.origin.startswith(PERSON):
            match = _as_taught(learned, here, case)
        if match is None:
            return None
        plan.append(match)
    return tuple(plan)


def _as_taught(learned: Action, here: Callable[[str], str], case: Case) -> Action | None:
    """What a person named, and no code would have thought of: as it was named, on another target within the scope.

    For the fault's own target code thinks of all that is possible, and what it left out now it left out for a reason. The policy
    judges this like any other, and the host may refuse it: a pid of that day, say, is nobody's today.
    """
    named = {
        name: here(value) if isinstance(value, str) and value in learned.targets() else value
        for name, value in learned.model_dump().items()
    }
    try:
        action = actions.parse(named)
    except ValueError:
        return None
    around = case.fault.target not in action.targets() and all(case.scope.holds(target) for target in action.targets())
    return action if around else None


def _is_same(action: Action, learned: Action, here: Callable[[str], str]) -> bool:
    """The same deed on what is here. Of several commands of one service, the one of that name."""
    named = action.kind != "run_command" or action.model_dump()["name"] == learned.model_dump()["name"]
    return action.kind == learned.kind and named and action.targets() == tuple(map(here, learned.targets()))


def _renamed(plan: Sequence[Action], target: str) -> Callable[[str], str]:
    """What the plan's targets are called for `target`: its instance's name in place of the one that it was learned on.

    In paths too (/run/shop/1.pid). Only a name of today's candidates is ever used, so that one which is wrong finds nothing.
    """
    template, instance = instance_of(target)
    named = [instance_of(name) for action in plan for name in action.targets()]
    names = {name for _, name in named if name}
    before = next((name for kind, name in named if kind == template and name), names.pop() if len(names) == 1 else "")
    if not instance or before in ("", instance):
        return str
    whole = re.compile(rf"(?<![A-Za-z0-9]){re.escape(before)}(?![A-Za-z0-9])")
    return lambda name: whole.sub(lambda _: instance, name)
