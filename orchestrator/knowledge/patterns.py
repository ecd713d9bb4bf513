"""Patterns at work: which learned plan fits the case now. The store keeps them and counts their wins and losses."""

from collections.abc import Iterator, Sequence

from orchestrator.model import Action, Case, Pattern, Proposal, Stage


def recall(patterns: Sequence[Pattern], case: Case, offered: Sequence[Action]) -> Iterator[Proposal]:
    """Proposals of the patterns of this signature, the best proved first, without the demoted and what was tried.

    A learned plan is replayed by kind and target: pids, digests and start times are those of today's candidates.
    """
    usable = [pattern for pattern in patterns if pattern.stage is not Stage.DEMOTED and pattern.signature == case.fault.signature]
    for pattern in sorted(usable, key=lambda item: (item.stage is not Stage.TRUSTED, item.losses + item.relapses - item.wins)):
        plan = _today(pattern, offered)
        if plan is None:
            continue
        proposal = Proposal(
            cause=f"the same kind of fault was healed this way {pattern.wins} times on this host",
            evidence_ids=tuple(item.id for item in case.evidence),
            plan=plan,
            proposer="quick fix",
            origin=f"pattern:{pattern.id}",
        )
        if not case.has_tried(proposal):
            yield proposal


def _today(pattern: Pattern, offered: Sequence[Action]) -> tuple[Action, ...] | None:
    plan = []
    for learned in pattern.plan:
        match = next((action for action in offered if action.kind == learned.kind and action.targets() == learned.targets()), None)
        if match is None:
            return None
        plan.append(match)
    return tuple(plan)
