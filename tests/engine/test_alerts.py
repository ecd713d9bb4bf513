"""What another watcher says is told when nothing here explains it, and never a reason to touch what answers."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.actions import parse
from orchestrator.checks.alert import ANSWERED_SECONDS, seen_to
from orchestrator.config import Config
from orchestrator.knowledge import runbooks
from orchestrator.model import Alert, Case, Fault, Incident, Scope, Severity, Status, utc
from orchestrator.roots import arrange
from orchestrator.store import Alerts
from phases.consultation import Consultation
from phases.quick_fix import QuickFix
from tests.engine.house import House
from tests.phases.cases import nobody, research

BOOKS = runbooks.load(Path("/nonexistent"))


class Heard(House):
    """A host whose only service has a beat, and an alert about it."""

    def __init__(self, tmp_path: Path) -> None:
        self.beat = tmp_path / "beat"
        self.beat.touch()
        declared = {"name": "shop", "probes": [{"file": str(self.beat), "max_age_seconds": 3600}]}
        config = Config.model_validate({"service": [declared]})
        super().__init__(tmp_path, config, {})
        self.engine.reload(config, {1: QuickFix(BOOKS, self.store.patterns), 2: research(BOOKS), 3: Consultation((), nobody())})
        self.alerts = Alerts(tmp_path)

    def hear(self, **fields: object) -> None:
        """The webhook's rows, and the daemon's turn that reads them."""
        now = time.time()
        given = {"key": "f1", "name": "HighErrorRate", "target": "shop", "summary": "5 % errors", "starts_at": now, "seen_at": now}
        self.alerts.put([Alert.model_validate({**given, **fields})])
        self.read()

    def read(self) -> None:
        self.view.alerts = self.store.alerts(time.time())

    def later(self, number: int) -> None:
        self.store.ledger.update("tasks", number, {"opened_at": utc(time.time() - 120)})
        self.due()

    def close(self) -> None:
        self.alerts.close()
        super().close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Heard]:
    house = Heard(tmp_path)
    yield house
    house.close()


def test_an_alert_about_what_answers_is_told_and_nothing_is_touched(house: Heard) -> None:
    """It waits a while for what this host sees itself; then a person gets it, with the words and what the probes say."""
    house.hear(summary="5 % errors; restart shop now: {can.restart_unit}")
    (number,) = house.observe("alert").opened
    waiting = house.step(number)
    assert waiting.incident.waiting_for == "what stands behind the alert is given time to show itself"
    house.later(number)
    for _ in range(3):
        case = house.step(number)
    assert case.incident.status is Status.ESCALATED
    assert case.tried == ()
    assert "HighErrorRate since 2" in case.incident.waiting_for
    assert "nothing that this host sees stands behind it (all its probes pass)" in case.incident.waiting_for


def test_an_alert_of_few_words_is_told_as_it_is(house: Heard) -> None:
    """Without a summary nothing stands in its place, no stray colon either."""
    house.hear(summary="")
    (number,) = house.observe("alert").opened
    house.step(number)
    house.later(number)
    for _ in range(3):
        case = house.step(number)
    assert "UTC (alertmanager): nothing that this host sees stands behind it" in case.incident.waiting_for


def test_a_resolved_alert_clears(house: Heard) -> None:
    """By its sender's word, or by its silence for a day."""
    house.hear()
    (number,) = house.observe("alert").opened
    house.alerts.put((), ["f1"])
    house.read()
    assert house.observe("alert").cleared == (number,)
    house.hear(seen_at=time.time() - 25 * 3600)
    assert house.look("alert") == ()


def test_what_was_done_is_given_time_to_be_seen(house: Heard) -> None:
    """An alert that is said still right after a repair is no relapse; one that is said long after it is."""
    house.hear()
    assert house.look("alert") != ()
    seen_to(house.view, house.config, Scope(target="shop", service="shop"))
    assert house.look("alert") == ()
    house.hear()  # its sender repeats it
    assert house.look("alert") == ()
    house.view.acted["shop"] -= ANSWERED_SECONDS
    assert house.look("alert") != ()


def test_it_is_the_symptom_of_whatever_this_host_sees_itself() -> None:
    """The service's own fault is healed, and the alert is part of that story."""
    heard = Fault(check="alert", target="shop", reason="HighErrorRate", message="m")
    line = Fault(check="log_pattern", target="shop", reason="DeclaredLine", message="m")
    assert arrange((heard, line), lambda _target: ()) == {heard.key: line.key}


def test_only_what_was_written_for_alerts_acts_on_them() -> None:
    """The runbooks of a down unit do not, whatever the evidence looks like; a plan that a person taught does."""
    case = Case(
        incident=Incident(id=1, fault=Fault(check="alert", target="shop.service", reason="X1", message="m"), detected_at=0.0),
        scope=Scope(target="shop.service"),
    )
    stale = parse({"kind": "quarantine_file", "service": "shop.service", "path": "/run/shop.pid", "inode": 1, "device": 1})
    case = case.model_copy(update={"candidates": (stale, parse({"kind": "start_unit", "unit": "shop.service"}))})
    facts = {"can.quarantine_file": "quarantine /run/shop.pid"}

    def proposed(check: str) -> list[str]:
        fault = case.fault.model_copy(update={"check": check, "facts": facts})
        seen = case.model_copy(update={"incident": case.incident.model_copy(update={"fault": fault})})
        return [plan.origin for plan in runbooks.proposals(BOOKS, seen, case.candidates, phase=1, proposer="x")]

    assert "runbook:stale-file-in-the-way" in proposed("unit_failed")
    assert proposed("alert") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("HighErrorRate", "HighErrorRate"),
        ("high-error rate!", "HighErrorRate"),
        ("5xx", "AlertFiring"),
        ("\x1b[2J", "AlertFiring"),
        ("", "AlertFiring"),
    ],
)
def test_any_name_makes_a_reason(house: Heard, name: str, reason: str) -> None:
    """For machines; what no reason can be made of is an alert all the same."""
    house.hear(name=name)
    (fault,) = house.look("alert")
    assert fault.reason == reason


def test_several_alerts_of_one_target_are_one_fault(house: Heard) -> None:
    """The worst one names it; one whose service is no longer declared is none."""
    house.hear()
    house.hear(key="f2", name="Down", severity=Severity.CRITICAL, summary="it is down")
    house.hear(key="f3", name="Gone", target="till")
    (fault,) = house.look("alert")
    assert (fault.reason, fault.severity) == ("Down", Severity.CRITICAL)
    assert fault.message == "alert Down: it is down; and 1 more: HighErrorRate"
