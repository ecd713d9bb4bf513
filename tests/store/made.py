"""Made-up faults, plans and answers for the tests of the store and the desk."""

import time
from typing import Any

from orchestrator import actions
from orchestrator.model import Case, Fault, Proposal, Severity, Verdict
from orchestrator.store import Store

ALLOWED = Verdict(answer="allow", rule="low_risk")


def a_fault(target: str = "web.service", check: str = "unit_failed", **fields: object) -> Fault:
    given = {"reason": "UnitFailed", "message": f"{target} failed", **fields}
    return Fault.model_validate({"check": check, "target": target, **given})


def a_proposal(unit: str = "web.service", kind: str = "start_unit", **fields: object) -> Proposal:
    plan = (actions.parse({"kind": kind, "unit": unit}),)
    given = {"cause": f"{unit} died", "proposer": "quick fix", "origin": "instant", **fields}
    return Proposal.model_validate({"plan": plan, **given})


def an_incident(store: Store, fault: Fault | None = None, now: float | None = None) -> int:
    """A new open incident of its own; its id."""
    fault = fault or a_fault()
    (task_id,) = store.observe(fault.check, (fault,), time.time() if now is None else now).opened
    return task_id


def the_due_case(store: Store, now: float) -> Case:
    """The only one whose time has come by then."""
    (turn,) = store.turns(now)
    case = store.case(turn.incident)
    assert case is not None
    return case


def a_begun_change(store: Store, task_id: int, proposal: Proposal | None = None) -> tuple[int, int]:
    """An allowed attempt with its first change begun; both ids."""
    proposal = proposal or a_proposal()
    attempt_id = store.begin_attempt(task_id, 1, proposal, ALLOWED, time.time())
    return attempt_id, store.begin_change(attempt_id, 1, proposal.plan[0], {"running": False})


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    return store.ledger.rows(sql)


def task(store: Store, task_id: int) -> dict[str, object]:
    (row,) = store.ledger.rows("SELECT * FROM tasks WHERE id = ?", (task_id,))
    return row


SEVERE_FIRST = (Severity.CRITICAL, Severity.HIGH, Severity.WARNING, Severity.INFO)
