"""What counts as a change of evidence: deeds, not weather. And whose change is seen: each one's, however many a person has."""

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from escalation import Desk
from orchestrator.config import Config
from orchestrator.engine.second_look import SecondLook, mark_of
from orchestrator.host import View
from orchestrator.model import Case, Evidence, Fault, Incident, Scope, Status
from orchestrator.store import Store
from tests.cli.scenes import escalated, fault

SHOP = {"name": "shop", "unit": "shop.service"}


def _mark(facts: dict[str, str], reason: str = "ExitCode", check: str = "unit_failed", **tables: Any) -> str:
    fault = Fault(check=check, target="shop.service", reason=reason, message="m")
    case = Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target="shop.service"))
    return mark_of(case, (Evidence(source="s", text="t", facts=facts),), Config.model_validate({"service": [SHOP], **tables}))


BEFORE = {"config.test": "fails", "unit.load": "loaded", "below.stopped": "db.service", "disk.full": "/srv"}


@pytest.mark.parametrize(
    "now",
    [
        {**BEFORE, "config.test": "passes"},
        {**BEFORE, "unit.load": "masked"},
        {name: value for name, value in BEFORE.items() if name != "below.stopped"},
        {name: value for name, value in BEFORE.items() if name != "disk.full"},
    ],
    ids=["the file was mended", "it was masked", "the dependency was started", "room was made"],
)
def test_a_deed_changes_the_mark(now: dict[str, str]) -> None:
    """What somebody did about it shows."""
    assert _mark(now) != _mark(BEFORE)


def test_what_the_operator_declares_is_a_deed() -> None:
    """A path that may be cleaned now, a probe that was wrong."""
    place = {"path": "/srv/cache/shop", "remove_older_than": "1d"}
    assert _mark(BEFORE, path=[place]) != _mark(BEFORE)
    assert _mark(BEFORE, service=[{**SHOP, "port": 8080}]) != _mark(BEFORE)


def test_the_weather_does_not() -> None:
    """Log lines, load, how the last run ended: they change by themselves, and would make a loop."""
    weather = {"log.config": "yes", "danger.corruption": "checksum error", "cpu.busy": "yes", "unit.run_seconds": "3.0", "unit.sub": "dead"}
    assert _mark({**BEFORE, **weather}, reason="TimedOut") == _mark(BEFORE)
    assert _mark(BEFORE, "NoAnswer", "probe_failing") == _mark(BEFORE, "WrongStatus", "probe_failing")


def test_why_a_unit_is_down_tells_what_was_done() -> None:
    """A mask that was taken off turns one reason into another."""
    assert _mark(BEFORE, "DependencyMasked", "unit_inactive") != _mark(BEFORE, "DependencyDown", "unit_inactive")


class Deeds:
    """What was done about each target, as its evidence tells it."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.done: set[str] = set()
        self.raises: set[str] = set()
        self.store = store
        self.look = SecondLook(cast("View", SimpleNamespace(now=lambda: time.time() + 60)), store, desk)
        self.numbers = {target: escalated(store, desk, fault(target))[0] for target in (f"shop-{n}.service" for n in range(25))}
        self.config = Config()

    def gathered(self, _view: View, _config: Config, case: Case, **_: Any) -> tuple[Evidence, ...]:
        target = case.fault.target
        if target in self.raises:
            raise ValueError(target)
        return (Evidence(source="s", text="t", facts={"config.test": "passes" if target in self.done else "fails"}),)

    def is_due(self, target: str) -> bool:
        case = self.store.case(self.numbers[target])
        return case is not None and case.incident.status is not Status.ESCALATED


@pytest.fixture
def deeds(store: Store, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Deeds:
    """A person has twenty-five incidents."""
    made = Deeds(store, desk)
    monkeypatch.setattr("orchestrator.engine.second_look.gather", made.gathered)
    for number in made.numbers.values():
        case = store.case(number)
        assert case
        made.look.note(case, made.config)
    return made


@pytest.mark.parametrize("mended", ["shop-0.service", "shop-24.service"])
def test_what_was_mended_is_seen_however_many_wait(deeds: Deeds, mended: str) -> None:
    """In a few sweeps, the newest as the oldest; and nothing else is tried anew."""
    deeds.done.add(mended)
    for _ in range(6):
        deeds.look.sweep(deeds.config)
    assert [target for target in deeds.numbers if deeds.is_due(target)] == [mended]


def test_a_look_that_fails_keeps_nobody_elses_back(deeds: Deeds) -> None:
    """Those after it in the row have their turn at the next sweep."""
    deeds.raises.add("shop-0.service")
    deeds.done.add("shop-3.service")
    for _ in range(8):
        try:
            deeds.look.sweep(deeds.config)
        except ValueError:  # our own trouble, which the timetable tells
            continue
    assert deeds.is_due("shop-3.service")
