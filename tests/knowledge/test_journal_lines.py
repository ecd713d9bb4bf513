"""What of a log counts as a sign of danger, and who may give it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from orchestrator.config import Config
from orchestrator.host import Line, Unit, View
from orchestrator.host.stops import STARTING
from orchestrator.host.unit import DUMPED, EXITED
from orchestrator.knowledge.evidence.journal_lines import _signs, journal_lines
from orchestrator.model import Case, Fault, Incident, Scope

FAILED = Unit(name="damaged.service", active_state="failed", result="exit-code", exec_main_code=EXITED, exec_main_status=1)
OWN = Line(at=1.0, message="page 7: checksum mismatch", unit=FAILED.name)
REFUSED = Line(at=1.0, message="WRONGPASS invalid username-password pair", unit=FAILED.name)
SYSTEMD = Line(at=2.0, message="Failed to start damaged.service: Address already in use", unit=FAILED.name, trusted=True)


def case(reason: str = "ExitedWithError") -> Case:
    fault = Fault(check="unit_failed", target=FAILED.name, reason=reason, message="m")
    return Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target=FAILED.name))


def test_danger_is_the_programs_own_word() -> None:
    """A unit whose name sounds alarming says nothing by it; where systemd names a cause, that points."""
    assert _signs([SYSTEMD], FAILED, case()) == {"log.address_in_use": SYSTEMD.message}
    assert _signs([OWN, SYSTEMD], FAILED, case())["danger.corruption"] == OWN.message


def test_what_hangs_and_what_crashed_was_refused_nothing() -> None:
    """A hang has another cause, and no refused login kills a program by a signal; damaged data may."""
    assert _signs([OWN, REFUSED], FAILED, case("NoAnswer")) == {}
    assert set(_signs([OWN, REFUSED], FAILED, case())) == {"danger.corruption", "danger.authentication"}
    assert set(_signs([OWN, REFUSED], replace(FAILED, exec_main_code=DUMPED), case())) == {"danger.corruption"}


def test_what_a_long_trace_stands_behind_is_heard() -> None:
    """A program says what is damaged, and then a hundred lines of where it was: the first of them counts."""
    starting = Line(at=0.5, message="Starting", unit=FAILED.name, trusted=True, fields={"MESSAGE_ID": STARTING, "INVOCATION_ID": "a"})
    trace = [Line(at=1.0 + n / 1000, message=f"    at org.example.Store.read(Store.java:{n})", unit=FAILED.name) for n in range(150)]
    said = [starting, OWN, *trace, SYSTEMD]
    view = SimpleNamespace(
        now=lambda: 100.0,
        answered={},
        units=SimpleNamespace(get=lambda _: FAILED),
        journal=SimpleNamespace(tail=lambda _, lines: tuple(said[-lines:])),
    )
    facts = {name: value for item in journal_lines(cast("View", view), Config(), case()) for name, value in item.facts.items()}
    assert facts["danger.corruption"] == OWN.message
