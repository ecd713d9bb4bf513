"""Phase 1 while a model is measured."""

from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, HandOver, Proposal
from phases.quick_fix import QuickFix
from tests.phases.cases import RESTART, no_host, shop_case

_BOOK = {"name": "restart", "about": "a", "phase": 1, "when": {"check": "*"}, "cause": "it hangs"}
INSTANT = Runbook.model_validate({**_BOOK, "plan": (RESTART.kind,)})
PERSON = Runbook.model_validate({**_BOOK, "hand_over": "a person decides"})


def test_to_measure_a_model_instant_fixes_are_left_aside_and_hand_overs_stay() -> None:
    """Else what a runbook heals at once would never be asked of the model."""
    case = shop_case()
    assert isinstance(QuickFix((INSTANT,), lambda _: ()).propose(case, no_host(), 0.0), Proposal)
    assert isinstance(QuickFix((INSTANT,), lambda _: (), embedded=False).propose(case, no_host(), 0.0), Abstain)
    assert isinstance(QuickFix((INSTANT, PERSON), lambda _: (), embedded=False).propose(case, no_host(), 0.0), HandOver)
