"""What happened on a host, as the engine writes it down."""

import time

from escalation import Desk
from orchestrator.actions import parse
from orchestrator.model import Case, Evidence, Fault, Handoff, Minute, Outcome, Proposal, Scope, Status, Verdict
from orchestrator.store import Store

ALLOWED = Verdict(answer="allow", rule="auto", reason="low risk, shop.service in scope")
ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b31mforged"
"""Clears a screen, sets a terminal's title, and colours by the one-character form of ESC [."""


def fault(target: str = "shop.service", message: str = "shop.service failed: main process exited with status 1") -> Fault:
    return Fault(check="unit_failed", target=target, reason="ExitCode", message=message)


def plan(kind: str = "restart_unit", unit: str = "shop.service", **fields: object) -> Proposal:
    given = {
        "cause": "it crashed, and nothing says that a start would fail",
        "proposer": "quick fix",
        "origin": "runbook:start-after-a-crash",
    }
    return Proposal.model_validate({**given, "plan": (parse({"kind": kind, "unit": unit}),), **fields})


def opened(store: Store, what: Fault | None = None, ago: float = 4.17) -> int:
    """An open incident, seen `ago` seconds before now, with one observation."""
    what = what or fault()
    (number,) = store.observe(what.check, (what,), time.time() - ago).opened
    store.add_evidence(
        number, (Evidence(source="journal shop.service", text=f"Nov 21 shop[812]: {ATTACK} port 8080 is taken\nsecond line"),)
    )
    return number


def attempted(store: Store, number: int, outcome: Outcome, detail: str, proposal: Proposal | None = None) -> None:
    """One attempt that was allowed, carried out and ended."""
    proposal = proposal or plan()
    attempt = store.begin_attempt(number, 1, proposal, ALLOWED, time.time())
    change = store.begin_change(attempt, 1, proposal.plan[0], {})
    store.change_done(change)
    if outcome is Outcome.ROLLED_BACK:
        store.change_undone(change)
    store.end_attempt(attempt, outcome, detail)


def healed(store: Store, what: Fault | None = None) -> int:
    number = opened(store, what)
    store.begin_phase(number, 1)
    attempted(store, number, Outcome.HEALED, "the check and all probes are clean for 5 s")
    store.teach((what or fault()).signature, plan().plan, "runbook:start-after-a-crash")
    store.close(number, Status.FIXED, phase=1, fix_successful=True, resolution="the check and all probes are clean for 5 s")
    return number


def escalated(store: Store, desk: Desk, what: Fault | None = None) -> tuple[int, int]:
    """Nothing helped, three experts spoke, a person has it: the incident's and the escalation's number."""
    number = opened(store, what, ago=400)
    store.begin_phase(number, 1)
    attempted(store, number, Outcome.ROLLED_BACK, "the probe still fails: connection refused")
    store.hand_off(number, Handoff(phase=1, reason="no pattern fits", ruled_out=("a full disk",), open_questions=("who holds port 8080?",)))
    votes = (
        Minute(expert="log-reader", stance="propose", plan=plan().plan, confidence=0.8, reasoning="the port is taken", evidence_ids=(1,)),
        Minute(expert="host-reader", stance="propose", plan=plan().plan, confidence=0.6, reasoning="it is down"),
        Minute(expert="change-reader", stance="person", reasoning="its configuration was changed by hand"),
    )
    desk.minutes(number, votes)
    store.escalated(number, reason="three phases found no fix: the experts disagree")
    return number, desk.escalate(store_case(store, number).incident, "three phases found no fix: the experts disagree", body="the story")


def asked(store: Store, desk: Desk, expires_in: float = 3600) -> tuple[int, int, Proposal]:
    """A plan of high risk waits for a person's word."""
    number, proposal = opened(store), plan("stop_unit", "other.service", cause="other.service holds port 8080")
    store.scope(number, Scope(target="shop.service", above=("other.service",)))
    desk_id = desk.escalate(
        store_case(store, number).incident,
        "high risk: stop other.service",
        body="the story",
        kind="approval",
        question="other.service holds port 8080. May this be done?",
        proposal=proposal,
        expires_at=time.time() + expires_in,
    )
    store.ask(number, "a person's word: high risk: stop other.service")
    return number, desk_id, proposal


def store_case(store: Store, number: int) -> Case:
    case = store.case(number)
    assert case is not None
    return case
