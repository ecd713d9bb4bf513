"""Who is asked: three for a case, by how much its kind of fault is theirs and by how much they differ in what they read."""

from collections.abc import Callable, Sequence

from orchestrator.knowledge.experts import Expert
from orchestrator.model import Case

VOTERS = 3
_RANKS = ("leader", "specialist", "support")
_NEARER, _NEAREST = 0.1, 4
"""What a closer fit weighs against reading something else: an expert of the very fault may share a third of what another reads."""
_DISSENT = 0.4
"""For the last chair: better one who doubts, or wants less to be done, than a third who looks for the cause."""

Fit = Callable[[Expert], int]
"""How much the case is an expert's; of those to whom it is 0, one is asked only if there are too few others."""


def panel(able: Sequence[Expert], case: Case, fit: Fit) -> tuple[Expert, ...]:
    """The first leads: the fault is his more than anybody's. Each next one reads what the chosen ones do not."""
    chosen: tuple[Expert, ...] = ()
    while len(chosen) < VOTERS and (one := another(able, case, fit, chosen)):
        chosen = (*chosen, one)
    return chosen


def another(able: Sequence[Expert], case: Case, fit: Fit, chosen: Sequence[Expert]) -> Expert | None:
    """The best one beside those. Of support not more than one, and never in the lead; who vetoes, or has nothing to read, has no vote."""
    left = [expert for expert in able if expert not in chosen and _may_join(expert, chosen, case)]
    return max(left, key=lambda expert: _worth(expert, chosen, case, fit), default=None)


def _may_join(expert: Expert, chosen: Sequence[Expert], case: Case) -> bool:
    if expert.vetoes or not expert.evidence(case):
        return False
    return expert.role != "support" or (bool(chosen) and not any(other.role == "support" for other in chosen))


def _worth(expert: Expert, chosen: Sequence[Expert], case: Case, fit: Fit) -> tuple[float | int | str, ...]:
    fits, rank, reads = fit(expert), -_RANKS.index(expert.role), {item.source for item in expert.evidence(case)}
    if not chosen:
        return (fits, rank, len(reads), expert.name)
    new = reads - {item.source for other in chosen for item in other.evidence(case)}
    dissents = _DISSENT if expert.role == "support" and len(chosen) == VOTERS - 1 else 0.0
    worth = len(new) / len(reads) + _NEARER * min(fits, _NEAREST) + dissents
    return (fits > 0, round(worth, 3), -len(reads), rank, expert.name)
