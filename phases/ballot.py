"""What a model may choose from, and whether its answer holds: choices have ids that are worth something in one asking alone.

Whatever is not on the list is refused, never interpreted. A problem is one sentence, which the model is told once.
"""

from collections.abc import Mapping, Sequence

from escalation.text import one_line
from orchestrator.knowledge.plans import variants
from orchestrator.model import Action, Case, Evidence, Json, Proposal
from orchestrator.store import mask
from phases.telling import deed, name_of, weighs

MOST_CHOICES = 60
WORDS = 500
"""Characters of a model's own words that are kept."""
_NAMED = 5
MOST_PLANS = 24
_BRINGS_UP = ("start_", "restart_", "reload_", "wait", "resume_", "renew_")
"""Kinds of actions that, aimed at the fault's own target, need no start of it after them."""

Plan = tuple[Action, ...]


class Ballot:
    """Each choice is a whole plan; `a1` is a single action of research, `p1` a plan of a vote."""

    def __init__(self, letter: str, choices: Sequence[tuple[Action, ...]]) -> None:
        self._choices = {f"{letter}{n}": plan for n, plan in enumerate(choices[:MOST_CHOICES], 1)}
        self.left_out = max(0, len(choices) - MOST_CHOICES)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._choices)

    def as_json(self) -> list[Json]:
        return [{"id": name, "steps": [_step(action) for action in plan]} for name, plan in self._choices.items()]

    def plan(self, chosen: Sequence[str]) -> tuple[Action, ...]:
        """Raises KeyError for what is not on the list."""
        return tuple(action for name in chosen for action in self._choices[name])

    def problem(self, chosen: Sequence[str], most: int) -> str:
        """Why that is no choice; empty when it is one."""
        if not chosen:
            return "plan: it is empty; choose ids from the list, or answer `nothing`"
        if len(chosen) > most:
            return f"plan: {len(chosen)} steps; {most} at most"
        if strange := [name for name in chosen if name not in self._choices]:
            return f"plan: {_list(strange)} not on the list; there is only {_list(self.ids, len(self.ids))}"
        if len(set(chosen)) < len(chosen):
            return "plan: the same id twice"
        return ""


def plans_for(case: Case, proposals: Sequence[Proposal] = ()) -> tuple[Plan, ...]:
    """What can be voted for: bringing the target up, what runbooks propose, each mend with and without that; nothing that was tried."""
    ups = list(variants(("bring_up",), case, case.candidates, case.facts()))[:1]
    mends = [action for action in case.candidates if not (action.kind.startswith(_BRINGS_UP) and case.fault.target in action.targets())]
    found: list[Plan] = [*ups, *(proposal.plan for proposal in proposals)]
    found += [(mend, *up) for mend in mends for up in ups]
    found += [(action,) for action in case.candidates]
    fresh = {hash_of(plan): plan for plan in found if not case.has_tried(Proposal(cause="", plan=plan, proposer=""))}
    return tuple(fresh.values())[:MOST_PLANS]


def hash_of(plan: Plan) -> str:
    return Proposal(cause="", plan=plan, proposer="").hash


def ungrounded(cited: Sequence[int], shown: Mapping[int, Evidence]) -> str:
    """Why the cited evidence carries nothing; empty when it does."""
    if not cited:
        return "evidence: it is empty; cite the ids that your cause rests on"
    if strange := [str(number) for number in cited if number not in shown]:
        return f"evidence: {_list(strange)} not among what was shown"
    if not any(weighs(shown[number]) for number in cited):
        return "evidence: all of it is what logs and people say; cite also what was read from the host itself, or answer `nothing`"
    return ""


def words(text: object) -> str:
    """What a model said, as it may be kept and shown: one line, bounded, masked, without control characters."""
    return one_line(mask(str(text)[: 4 * WORDS]), WORDS)


def _step(action: Action) -> Json:
    return {
        "does": deed(action),
        "kind": action.kind,
        "targets": [name_of(target) for target in action.targets()[:_NAMED]],
        "risk": str(action.level),
        "reversible": action.reversible,
    }


def _list(names: Sequence[str], most: int = _NAMED) -> str:
    told = ", ".join(one_line(name, 40) for name in names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told
