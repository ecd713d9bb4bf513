"""What a phase that gives up passes on to the next, and what the desk makes of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.host import View
from orchestrator.model import Abstain, Answer, Case, HandOver, Status
from tests.engine.test_memory import Learning


class Abstaining:
    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert view
        assert deadline
        seen = (case.evidence[-1].id,)
        return Abstain(reason="no book fits", seen=seen, ruled_out=("a leak",), open_questions=("who writes there?",))


class GivingUp:
    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert view
        assert deadline
        return HandOver(reason="it is somebody else's", evidence_ids=(case.evidence[0].id,))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Learning]:
    house = Learning(tmp_path)
    house.store.ledger.update("tasks", house.number, {"phase": 2})
    yield house
    house.close()


def handed(house: Learning) -> list[dict[str, Any]]:
    return house.desk.ledger.rows("SELECT * FROM handoffs ORDER BY id")


def test_the_next_phase_starts_from_what_the_last_one_found(house: Learning) -> None:
    """And heals: the row says so; the case, the story and the row have the same words."""
    house.engine.reload(house.config, {2: Abstaining(), 3: house.phase})
    case = house.step(house.number)
    (handoff,) = case.handoffs
    assert (handoff.phase, handoff.reason, handoff.ruled_out, handoff.open_questions) == (
        2,
        "no book fits",
        ("a leak",),
        ("who writes there?",),
    )
    assert handoff.seen == (case.evidence[-1].id,)
    assert [(row["from_phase"], row["to_phase"], row["ended"]) for row in handed(house)] == [(2, 3, None)]
    house.due()
    assert house.until_over().incident.status is Status.FIXED
    assert [(row["from_phase"], row["to_phase"], row["ended"]) for row in handed(house)] == [(2, 3, "healed")]


def test_what_a_phase_tried_goes_on_to_the_person(house: Learning) -> None:
    """Its own plans with how each ended, beside the evidence that it went by."""
    house.phase.helps = False
    house.engine.reload(house.config, {2: Abstaining(), 3: house.phase})
    house.until_over()
    first, person = handed(house)
    assert (first["ended"], person["from_phase"], person["to_phase"], person["reason"]) == ("a person", 3, 4, "that did not help")
    assert "beneath" in person["tried"]
    assert "(the cache is full): no_effect, still wrong" in person["tried"]
    assert person["escalation_id"] == 1


def test_a_phase_may_hand_over_at_once(house: Learning) -> None:
    """The evidence that it cites is what it saw."""
    house.engine.reload(house.config, {2: GivingUp(), 3: house.phase})
    case = house.step(house.number)
    (person,) = handed(house)
    assert (person["from_phase"], person["to_phase"], person["seen"], person["tried"]) == (2, 4, f"[{case.evidence[0].id}]", "[]")
