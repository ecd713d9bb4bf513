"""What could be done for a case: every action that the host's state and the incident's scope make possible.

Phases, runbooks, experts and models choose among these and never beside them (law 5).
"""

from pydantic import ValidationError

from orchestrator.actions import all_actions
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.model import Action, Case, Evidence


def candidates(case: Case, view: View, config: Config) -> tuple[Action, ...]:
    """In scope, and not refused by the host as it is now. An action that cannot look offers nothing."""
    found: list[Action] = []
    for kind in all_actions():
        try:
            offered = kind.candidates(case, view, config)
        except (Unavailable, ValidationError):  # a name of the host's that is written to deceive makes no action
            continue
        found.extend(action for action in offered if all(case.scope.holds(target) for target in action.targets()))
    return tuple(found)


def as_evidence(offered: tuple[Action, ...]) -> Evidence:
    """That an action is possible is itself a finding: a stale file was proved stale, a good copy was found to differ."""
    facts: dict[str, str] = {}
    for action in offered:
        name = f"can.{action.kind}"
        facts[name] = f"{facts[name]}; {action.about()}" if name in facts else action.about()
    return Evidence(source="candidates", text="\n".join(action.about() for action in offered) or "nothing can be done here", facts=facts)
