"""What the hands have heard of no person is asked of one again, and not tried again and again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.engine.clicks import Clicks
from orchestrator.model import Outcome, Status
from orchestrator.permits import NEEDS_A_PERSON
from tests.engine.test_edited import Asking


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Asking]:
    """The daemon takes a row of its inbox for a person's word; its hands are elsewhere, and have heard nothing."""
    house = Asking(tmp_path)
    house.clicks = Clicks(house.store, house.desk, house.config)
    yield house
    house.close()


def test_a_row_alone_is_no_approval(house: Asking) -> None:
    """The plan does not run; a person is asked anew, with the same plan, and the case waits for him."""
    house.step(house.number)
    first, escalation = house.desk.pending(house.number), house.desk.open_for(house.number)
    assert first is not None
    assert escalation is not None
    assert house.says("approve", escalation_id=escalation.id, hash=first.hash).startswith("approved")
    case = house.step(house.number)
    again = house.desk.pending(house.number)
    assert again is not None
    assert (again.id > first.id, again.hash) == (True, first.hash)
    assert (case.incident.status, case.tried[-1].outcome, case.tried[-1].executed) == (Status.WAITING, Outcome.ASKED, False)
    assert "the hands have heard of no approval" in case.incident.waiting_for
    house.due()
    assert len(house.step(house.number).tried) == len(case.tried)
    assert house.left() == [True, True]


def test_a_word_that_the_hands_heard_runs_it(house: Asking) -> None:
    """Said to them by the person himself, before or after; once."""
    house.step(house.number)
    question, escalation = house.desk.pending(house.number), house.desk.open_for(house.number)
    assert question is not None
    assert escalation is not None
    assert house.hands.approve([house.plans[0]], house.view.now() + 60)["ok"]
    house.says("approve", escalation_id=escalation.id, hash=question.hash)
    house.until_over()
    assert house.left() == [False, True]
    assert house.hands.prepare(house.plans[0])["asks"]
    assert NEEDS_A_PERSON in house.hands.prepare(house.plans[0])["refusal"]
