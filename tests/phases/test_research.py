"""Phase 2: written procedure first, then a model."""

import time

from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, HandOver, Outcome, Proposal
from tests.phases.cases import RELOAD, RESTART, Script, attempt, no_host, proposes, research, shop_case

BOOKS = tuple(
    Runbook.model_validate({"about": "x", "phase": 2, "cause": "known by heart", **book})
    for book in (
        {"name": "reload-it", "when": {"unit.up": "yes"}, "plan": ["reload_unit"]},
        {"name": "for-a-person", "when": {"person.needed": "yes"}, "hand_over": "somebody meant it"},
    )
)


def _deadline() -> float:
    return time.monotonic() + 60


def test_a_runbook_that_fits_costs_no_call() -> None:
    """Written procedure beats free exploration."""
    script = Script()
    answer = research(BOOKS, script).propose(shop_case(), no_host(), _deadline())
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin) == ((RELOAD,), "runbook:reload-it")
    assert script.asked == []


def test_when_the_book_did_not_help_the_model_is_asked() -> None:
    """The next attempt of the same phase is its."""
    script = Script(proposes("a1"))
    tried = attempt(Proposal(cause="x", plan=(RELOAD,), proposer="research", origin="runbook:reload-it"), Outcome.NO_EFFECT)
    answer = research(BOOKS, script).propose(shop_case(tried=[tried]), no_host(), _deadline())
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin) == ((RESTART,), "model:ollama/llama")


def test_with_the_embedded_engine_alone_nobody_is_asked() -> None:
    """The floor: as it was before there were models."""
    answer = research(()).propose(shop_case(), no_host(), _deadline())
    assert isinstance(answer, Abstain)
    assert answer.reason == "no runbook explains the evidence"
    assert answer.minutes == ()


def test_to_measure_a_model_the_books_plans_are_left_aside_and_hand_overs_stay() -> None:
    """`agents.embedded = false`."""
    script = Script(proposes("a1"))
    answer = research(BOOKS, script, embedded=False).propose(shop_case(), no_host(), _deadline())
    assert isinstance(answer, Proposal)
    assert answer.origin == "model:ollama/llama"
    case = shop_case()
    meant = case.evidence[0].model_copy(update={"facts": {"person.needed": "yes"}})
    handed = research(BOOKS, Script(), embedded=False).propose(case.model_copy(update={"evidence": (meant,)}), no_host(), _deadline())
    assert isinstance(handed, HandOver)
