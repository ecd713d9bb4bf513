"""That the models' budget of the day is spent: a person hears of it once."""

import time
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Agents, Mail
from orchestrator.model import Cost, utc
from orchestrator.store import Spending, Spent, Store
from tests.escalation.conftest import Postman
from tests.escalation.made import an_incident

NOW = time.time() + 60


def spent_all(store: Store) -> Spending:
    """A call went, and the next one has no room."""
    purse = Spending(store.ledger, Agents.model_validate({"day_dollars": 0.5}))
    call = Cost(backend="anthropic", model="claude", tokens_in=1000, dollars=0.4)
    purse.settle(purse.reserve(call), call.model_copy(update={"outcome": "answered"}))
    with pytest.raises(Spent):
        purse.reserve(call)
    return purse


def test_it_is_told_once_a_day_and_over_restarts(state_dir: Path, mail: Mail, store: Store, postman: Postman) -> None:
    """What was spent, why, until when, and what to do; the next day anew."""
    today = spent_all(store).spent_today()
    assert today is not None
    for _ in range(2):
        with Desk(state_dir, mail, "web1") as desk:
            new = [desk.tell_spent(today, NOW) for _ in range(2)]
            desk.deliver(NOW)
    assert new == [False, False]
    (message,) = postman.taken
    assert message["Subject"] == "[web1] BUDGET what language models may cost a day is spent"
    assert message["X-Orchestrator-State"] == "BUDGET"
    (text,) = postman.texts()
    assert "the day's budget is spent: 0.40 of 0.50 dollars are gone, and this call may cost 0.40" in text
    assert "1 calls, 0.40 dollars, 1000 tokens" in text
    assert "0.40 of 0.50 dollars are gone" in postman.pages()[0]
    with Desk(state_dir, mail, "web1") as desk:
        assert desk.tell_spent({**today, "day": "2099-01-01"}, NOW)


def test_until_a_call_was_refused_there_is_nothing_to_tell(store: Store) -> None:
    """A budget that is nearly gone is none of anybody's business."""
    purse = Spending(store.ledger, Agents())
    purse.reserve(Cost(backend="anthropic", model="claude", dollars=0.4))
    assert purse.spent_today() is None


def test_a_mail_server_that_is_down_hears_of_it_later(desk: Desk, store: Store, postman: Postman) -> None:
    """It waits in the outbox like any mail, and no mail of a fault waits for it."""
    today = spent_all(store).spent_today()
    assert today is not None
    postman.verdict = "451 later"
    assert desk.tell_spent(today, NOW)
    assert desk.deliver(NOW).failed == 1
    postman.verdict = "250 OK"
    desk.escalate(an_incident(), "nothing left", body="")
    assert desk.deliver(NOW + 120).sent == 2


def test_with_mail_off_nothing_is_composed(desk: Desk, store: Store, state_dir: Path) -> None:
    """Who switches it on later that day hears of it then."""
    today = spent_all(store).spent_today()
    assert today is not None
    with Desk(state_dir, Mail.model_validate({"enabled": False}), "web1") as silent:
        assert not silent.tell_spent(today, NOW)
    assert desk.tell_spent(today, NOW)


def test_it_is_no_digest(desk: Desk, store: Store) -> None:
    """The first digest's period is still the one that is left out."""
    today = spent_all(store).spent_today()
    assert today is not None
    desk.tell_spent({**today, "day": utc()[:10]}, NOW)
    assert desk.ledger.row("SELECT 1 FROM mails WHERE period GLOB '*ly to *'") is None
