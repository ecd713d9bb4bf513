"""What counts as a change of evidence: deeds, not weather."""

from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.engine.second_look import mark_of
from orchestrator.model import Case, Evidence, Fault, Incident, Scope

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
