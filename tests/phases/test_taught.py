"""What a person resolves with is what phase 1 does next time."""

import time
from pathlib import Path

from escalation import Desk
from escalation.acts import ACTS
from escalation.operator import Operator
from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.engine.clicks import Clicks
from orchestrator.host import View
from orchestrator.knowledge import runbooks
from orchestrator.model import Action, Answer, Case, Fault, Proposal, Stage
from orchestrator.store import Store
from phases.quick_fix import QuickFix
from tests.cli.scenes import store_case


def _case(store: Store, unit: str) -> Case:
    fault = Fault(check="unit_failed", target=unit, reason="ExitCode", message=f"{unit} failed")
    (number,) = store.observe("unit_failed", (fault,), time.time()).opened
    return store_case(store, number)


def _restart(unit: str) -> Action:
    return parse({"kind": "restart_unit", "unit": unit})


def _phase_1(store: Store, case: Case, *candidates: Action) -> Answer:
    shipped = QuickFix(runbooks.load(Path("/nonexistent")), store.patterns)
    return shipped.propose(case.model_copy(update={"candidates": candidates}), View.__new__(View), time.monotonic() + 5)


def test_a_plan_that_resolved_is_the_first_choice_next_time(store: Store, desk: Desk, state_dir: Path) -> None:
    """On another instance of the template too, with its own candidates; on probation, like what the daemon learned itself."""
    case = _case(store, "shop@1.service")
    store.escalated(case.incident.id, reason="nothing helped")
    escalation = desk.escalate(case.incident, "nothing helped", body="")
    anna = Operator(config=Config.model_validate({"daemon": {"state_dir": str(state_dir)}}), actor="anna", patience=0)
    taught = ACTS["escalation", "resolve"].model_validate(
        {"resolution": "it needed a restart", "plan": ["restart_unit unit=shop@1.service"], "anyway": True}
    )
    done = anna.perform(taught, escalation, once="form-1")
    assert anna.perform(taught, escalation, once="form-1").decision == done.decision
    Clicks(store, desk, anna.config).take()
    (pattern,) = store.patterns()
    assert (pattern.stage, pattern.origin, pattern.signature) == (Stage.PROBATION, "person:anna", case.incident.signature)
    again = _case(store, "shop@2.service")
    answer = _phase_1(store, again, _restart("shop@1.service"), _restart("shop@2.service"))
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin) == ((_restart("shop@2.service"),), f"pattern:{pattern.id}")
    assert answer.cause == "this plan was taught for this kind of fault, and has healed none yet"


def test_without_the_teaching_there_is_no_such_plan(store: Store, desk: Desk) -> None:
    """The other half of the proof: nothing else proposes it."""
    assert desk
    answer = _phase_1(store, _case(store, "shop@2.service"), _restart("shop@2.service"))
    assert not (isinstance(answer, Proposal) and answer.origin.startswith("pattern:"))
