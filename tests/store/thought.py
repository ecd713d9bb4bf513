"""What models and experts did on a host, as the purse, the engine and the desk write it down."""

import time

from escalation import Desk
from orchestrator.config import Agents
from orchestrator.model import Cost, Handoff, Minute, Outcome, Proposal, Status
from orchestrator.store import Lesson, Spending, Store
from tests.store.made import ALLOWED, a_fault, a_proposal, an_incident

MODEL = {"backend": "anthropic", "model": "claude-opus-5-5"}


def asked(store: Store, number: int, expert: str, dollars: float = 0.05, outcome: str = "answered", seconds: float = 2.0) -> None:
    """One call of a model, from its reservation to its end."""
    purse = Spending(store.ledger, Agents())
    of = {**MODEL, "incident": number, "phase": 3, "expert": expert}
    call = purse.reserve(Cost.model_validate({**of, "tokens_in": 9000, "tokens_out": 8192, "dollars": 0.2}))
    spent = {"tokens_in": 8000, "tokens_cached": 6000, "tokens_out": 500, "dollars": dollars, "seconds": seconds, "outcome": outcome}
    purse.settle(call, Cost.model_validate({**of, **spent}))


def voted(store: Store, desk: Desk, number: int, outcome: Outcome, vote: str = "vote:2/3") -> Proposal:
    """Two for a plan, one for a person; it was carried out, and ended so."""
    proposal = a_proposal(proposer="consultation", origin=vote)
    said = {"plan": proposal.plan, "stance": "propose", **MODEL}
    votes = [Minute.model_validate({**said, "expert": name}) for name in ("storage", "network")]
    desk.minutes(number, [*votes, Minute(expert="sceptic", stance="person"), Minute(expert="kernel", stance="failed", reasoning="late")])
    desk.minutes(number, [Minute(expert="packages", stance="nothing", in_place_of="kernel")])
    attempt = store.begin_attempt(number, 3, proposal, ALLOWED, time.time())
    store.begin_change(attempt, 1, proposal.plan[0], {})
    healed = outcome is Outcome.HEALED
    proved = (
        {"storage": "healed", "network": "healed", "sceptic": "missed"} if healed else dict.fromkeys(("storage", "network"), "no_effect")
    )
    lessons = [{"expert": name, "stance": "propose", "kinds": (), "fact": "f", "proved": word} for name, word in proved.items()]
    desk.proved(number, [Lesson.model_validate(lesson) for lesson in lessons])
    store.end_attempt(attempt, outcome, "as the proof said")
    return proposal


def a_thoughtful_day(store: Store, desk: Desk) -> None:
    """Two kinds of faults, each twice: the first time three experts and a failure are paid for, the second time nothing.

    One kind was healed by a vote and stayed so; the other kind's vote did not help, and a person has it.
    """
    for target, outcome in (("gateway.service", Outcome.HEALED), ("stock.service", Outcome.NO_EFFECT)):
        number = an_incident(store, a_fault(target, "service_down"))
        desk.hand_off(number, Handoff(phase=1, reason="no pattern"), 2)
        desk.hand_off(number, Handoff(phase=2, reason="no runbook"), 3)
        for expert, dollars, seconds in (("storage", 0.05, 2.0), ("network", 0.07, 4.0), ("sceptic", 0.03, 3.0)):
            asked(store, number, expert, dollars, seconds=seconds)
        asked(store, number, "kernel", 0.0, "late", 30.0)
        voted(store, desk, number, outcome)
        if outcome is Outcome.HEALED:
            store.close(number, Status.FIXED, phase=3, fix_successful=True, resolution="clean")
            desk.went_away(number, "healed: clean", healed_in=3)
        else:
            found = store.case(number)
            assert found is not None
            desk.escalate(found.incident, "three phases found no fix", body="")
            store.escalated(number, reason="three phases found no fix")
            store.ledger.run("UPDATE tasks SET key = 'old', resolved_at = detected_at WHERE id = ?", (number,))
    store.ledger.run("UPDATE tasks SET resolved_at = '2000-01-01 00:00:00.000' WHERE status = 'fixed'")
    for target in ("gateway.service", "stock.service"):
        again = an_incident(store, a_fault(target, "service_down"))
        store.close(again, Status.FIXED, phase=1, fix_successful=True, resolution="clean")
