"""What a person wrote is what runs: exactly that, after another look, marked as that person's."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Answer, Case, Json, Outcome, Proposal, Status
from tests.engine.house import House


class Cleaner:
    """A phase that would clean the first place."""

    def __init__(self, plan: Json) -> None:
        self.plan = plan

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert view
        assert deadline
        return Proposal(cause="there is no room", evidence_ids=(case.evidence[-1].id,), plan=(parse(self.plan),), proposer="x")


class Asking(House):
    """A disk that counts as full, two places that may be cleaned, and a mode that asks first."""

    def __init__(self, tmp_path: Path) -> None:
        self.places = [tmp_path / "cache" / name for name in ("first", "second")]
        for place in self.places:
            place.mkdir(parents=True)
            (place / "old.tmp").write_text("x")
            os.utime(place / "old.tmp", (1, 1))
        self.plans: list[Json] = [
            {"kind": "clean_path", "path": str(place), "pattern": "*.tmp", "older_than_seconds": 3600} for place in self.places
        ]
        config = Config.model_validate(
            {
                "daemon": {"mode": "approve", "settle_seconds": 0, "state_dir": str(tmp_path / "state")},
                "disk": [{"mount": "/", "max_used_percent": 0.001}],
                "path": [{"path": str(place), "pattern": "*.tmp", "remove_older_than": "1h"} for place in self.places],
            }
        )
        (tmp_path / "state").mkdir()
        super().__init__(tmp_path / "state", config, dict.fromkeys((1, 2, 3), Cleaner(self.plans[0])))
        (self.number,) = self.observe("disk_full").opened

    def left(self) -> list[bool]:
        return [(place / "old.tmp").exists() for place in self.places]

    def says(self, verb: str, **args: object) -> str:
        number = self.inbox.put(verb, args, "anna")
        self.clicks.take()
        return self.inbox.result(number) or ""

    def until_over(self) -> Case:
        """It is looked at until the attempt has ended."""
        deadline = time.monotonic() + 60
        while (case := self.step(self.number)).open_attempt and time.monotonic() < deadline:
            self.store.settle(case.tried[-1].id, ready_by=0.0)
            self.due()
        return case


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Asking]:
    house = Asking(tmp_path)
    yield house
    house.close()


def test_exactly_the_edited_plan_runs(house: Asking) -> None:
    """The place that the daemon asked about stays; the one that the person named is cleaned. What did not help comes back to a person."""
    assert house.step(house.number).incident.status is Status.WAITING
    question = house.desk.pending(house.number)
    escalation = house.desk.open_for(house.number)
    assert question is not None
    assert escalation is not None
    said = house.says("edit", escalation_id=escalation.id, hash=question.hash, plan=[house.plans[1]])
    assert said.startswith("edited: ")
    assert house.left() == [True, True]
    case = house.until_over()
    assert house.left() == [True, False]
    assert (case.tried[-1].proposal.origin, case.tried[-1].proposal.plan) == ("person:anna", (parse(house.plans[1]),))
    assert case.tried[-1].verdict.rule == "approved"
    assert case.tried[-1].outcome is Outcome.NO_EFFECT
    assert case.incident.status is Status.ESCALATED
    assert case.incident.waiting_for.startswith("the approved plan did not help")


def test_what_is_forbidden_by_the_time_it_runs_comes_back(house: Asking) -> None:
    """The policy is asked again: a path that was protected meanwhile is not touched, and the person hears why."""
    house.step(house.number)
    question, escalation = house.desk.pending(house.number), house.desk.open_for(house.number)
    assert question is not None
    assert escalation is not None
    house.says("edit", escalation_id=escalation.id, hash=question.hash, plan=[house.plans[1]])
    protected = house.config.model_copy(update={"protect": house.config.protect.model_copy(update={"paths": (str(house.places[1]),)})})
    house.engine.reload(protected, dict.fromkeys((1, 2, 3), Cleaner(house.plans[0])))
    case = house.step(house.number)
    assert house.left() == [True, True]
    assert case.incident.status is Status.ESCALATED
    assert "the approved plan must not run now" in case.incident.waiting_for
    assert "is protected" in case.incident.waiting_for
