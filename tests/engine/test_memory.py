"""The experts learn from endings that were verified, and from nothing else."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Answer, Case, HandOver, Json, Minute, Outcome, Proposal, Status
from orchestrator.store import StoreFailed
from tests.engine.house import House


def tables(tmp_path: Path, percent: float) -> Config:
    return Config.model_validate(
        {
            "daemon": {"settle_seconds": 0, "state_dir": str(tmp_path / "state")},
            "disk": [{"mount": "/", "max_used_percent": percent}],
            "path": [{"path": str(tmp_path / name), "pattern": "*.tmp", "remove_older_than": "1h"} for name in ("first", "second")],
        }
    )


class Voting:
    """Phase 3 as three experts who do not agree; whether their plan makes room is the test's."""

    def __init__(self, house: "Learning") -> None:
        self.house = house
        self.helps = True
        self.minutes: tuple[Minute, ...] = ()

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert view
        assert deadline
        seen = (case.evidence[-1].id,)
        first, second = ((parse(plan),) for plan in self.house.plans)
        self.minutes = (
            Minute(expert="storage", stance="propose", plan=first, reasoning="the cache is full", evidence_ids=seen),
            Minute(expert="capacity", stance="propose", plan=first, reasoning="old files", evidence_ids=seen),
            Minute(expert="sceptic", stance="person", reasoning="\x1b[2Jit grows, token=abcdefgh", evidence_ids=seen),
            Minute(expert="other", stance="propose", plan=(*first, *second), reasoning="both", evidence_ids=seen),
            Minute(expert="silent", stance="nothing", reasoning="no idea", evidence_ids=seen),
        )
        if self.helps:
            self.house.has_room(99.9)
        proposal = Proposal(cause="the cache is full", evidence_ids=seen, plan=first, proposer="consultation", minutes=self.minutes)
        return HandOver(reason="that did not help") if case.has_tried(proposal) else proposal


class Learning(House):
    """A disk that counts as full, and two places that may be cleaned."""

    def __init__(self, tmp_path: Path) -> None:
        self.plans: list[Json] = []
        self.tmp_path = tmp_path
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "old.tmp").write_text("x")
            os.utime(tmp_path / name / "old.tmp", (1, 1))
            self.plans.append({"kind": "clean_path", "path": str(tmp_path / name), "pattern": "*.tmp", "older_than_seconds": 3600})
        (tmp_path / "state").mkdir()
        super().__init__(tmp_path / "state", tables(tmp_path, 0.001), {})
        self.phase = Voting(self)
        self.has_room(0.001)
        (self.number,) = self.observe("disk_full").opened
        self.store.ledger.update("tasks", self.number, {"phase": 3})

    def has_room(self, percent: float) -> None:
        self.config = tables(self.tmp_path, percent)
        self.engine.reload(self.config, dict.fromkeys((1, 2, 3), self.phase))

    def case(self) -> Case:
        found = self.store.case(self.number)
        assert found is not None
        return found

    def until_over(self) -> Case:
        deadline = time.monotonic() + 20
        while (case := self.step(self.number)).incident.status in (Status.OPEN, Status.HEALING):
            assert time.monotonic() < deadline
            if case.open_attempt and not self.phase.helps:
                self.store.settle(case.open_attempt.id, ready_by=0.0)
            self.due()
        return case

    def records(self) -> dict[str, tuple[int, int, str]]:
        names = ("storage", "capacity", "sceptic", "other", "silent")
        return {one.expert: (one.wins, one.losses, one.proved) for name in names for one in self.store.memories(name)}

    def proved(self) -> dict[str, str]:
        """As the minutes have it, for the numbers."""
        return {row["expert"]: row["proved"] for row in self.desk.ledger.rows("SELECT expert, proved FROM agent_consultations")}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Learning]:
    house = Learning(tmp_path)
    yield house
    house.close()


def test_a_healing_teaches_all_who_spoke(house: Learning) -> None:
    """Who chose the plan was right, who chose another or a person was wrong; who had nothing learns nothing. Back soon, it is revoked."""
    assert house.until_over().incident.status is Status.FIXED
    right, wrong = (1, 0, "healed"), (0, 1, "missed")
    assert house.records() == {"storage": right, "capacity": right, "sceptic": wrong, "other": wrong}
    assert house.proved() == {"storage": "healed", "capacity": "healed", "sceptic": "missed", "other": "missed", "silent": ""}
    (sceptic,) = house.store.memories("sceptic")
    assert sceptic.fact == "[2Jit grows, token=[masked]"
    assert (sceptic.check, sceptic.target, sceptic.incident, sceptic.kinds) == ("disk_full", "/", house.number, ())
    assert sceptic.instead == ("clean_path",)
    house.has_room(0.001)
    assert house.observe("disk_full").reopened == (house.number,)
    house.engine.endings.relapsed(house.number)
    assert house.records() == {"storage": (0, 1, "relapsed"), "capacity": (0, 1, "relapsed")}
    assert house.proved() == {"storage": "relapsed", "capacity": "relapsed", "sceptic": "moot", "other": "moot", "silent": ""}


def test_what_did_not_help_was_wrong_for_those_who_chose_it(house: Learning) -> None:
    """And nobody who said something else was right by it."""
    house.phase.helps = False
    house.until_over()
    (outcome,) = {attempt.outcome for attempt in house.case().tried if attempt.executed}
    assert outcome in (Outcome.NO_EFFECT, Outcome.ROLLED_BACK)
    assert house.records() == {"storage": (0, 1, str(outcome)), "capacity": (0, 1, str(outcome))}


def test_where_the_minutes_cannot_be_written_an_ending_is_written_all_the_same(house: Learning) -> None:
    """A file that is locked or full keeps nobody's service from being healed, nor that from being told."""

    def fails(_self: object, _number: int, _lessons: object) -> None:
        raise StoreFailed("escalations.db is locked")

    with pytest.MonkeyPatch.context() as moment:
        moment.setattr("escalation.Desk.proved", fails)
        assert house.until_over().incident.status is Status.FIXED
    assert house.records() == {}


def test_a_death_before_the_ending_is_written_loses_no_lesson(house: Learning) -> None:
    """The ending and what is learned from it are one transaction; the next start proves and learns once."""
    died = threading.Event()

    def dies(_self: object, _case: object, _lessons: object) -> None:
        died.set()
        raise StoreFailed("the power fails")

    with pytest.MonkeyPatch.context() as moment:
        moment.setattr("orchestrator.store.remembered.Remembered.remember", dies)
        while not died.is_set():
            house.step(house.number)
            house.due()
    assert house.case().open_attempt is not None
    assert house.records() == {}
    house.due()
    assert house.until_over().incident.status is Status.FIXED
    assert house.records()["storage"] == (1, 0, "healed")
