"""What of a log counts as a sign of danger, and who may give it."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from orchestrator.config import Config
from orchestrator.host import Line, Unit, View
from orchestrator.host.stops import STARTED, STARTING
from orchestrator.host.unit import DUMPED, EXITED
from orchestrator.knowledge.evidence.journal_lines import _at_work, _signs, _without_noise, journal_lines
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


def _refused(at: float, address: str) -> Line:
    return Line(at=at, message=f"warning: unknown[{address}]: SASL LOGIN authentication failed", unit=FAILED.name)


def _left(lines: Sequence[Line], heard: Sequence[Line], answered: float) -> dict[str, str]:
    started = Line(at=100.0, message="Started", unit=FAILED.name, trusted=True, fields={"MESSAGE_ID": STARTED})
    journal = SimpleNamespace(tail=lambda _unit, **_how_many: (started, *lines))
    view: Any = SimpleNamespace(answered={FAILED.name: answered}, journal=journal)
    return _without_noise(_signs(heard, FAILED, case()), heard, view, FAILED)


def test_what_strangers_try_day_and_night_refused_the_service_nothing() -> None:
    """A mail relay says so of its clients all the time, also just before it crashes of something else."""
    before, last = _refused(150.0, "203.0.113.7"), _refused(300.0, "203.0.113.8")
    assert _left([before, last], [last], answered=295.0) == {}


def test_a_login_that_is_refused_is_no_noise_when_it_is_news() -> None:
    """In this run it was not said while all was well; what an earlier run said is another story, and so is a like word beside it."""
    last, before_that_run, own = _refused(300.0, "203.0.113.8"), _refused(50.0, "203.0.113.7"), replace(REFUSED, at=301.0)
    assert "danger.authentication" in _left([last], [last], answered=295.0)
    assert "danger.authentication" in _left([before_that_run, last], [last], answered=295.0)
    assert "danger.authentication" in _left([_refused(290.0, "203.0.113.7"), last], [last], answered=295.0)  # it may have begun just then
    assert "danger.authentication" in _left([_refused(150.0, "203.0.113.7"), last], [last], answered=0.0)
    assert _left([_refused(150.0, "203.0.113.7"), last, own], [last, own], answered=295.0) == {"danger.authentication": own.message}


def _working(
    messages: Sequence[str], *, answered: float = 0.0, later: float = 1.0, serves: bool = False, began: float = 50.0
) -> dict[str, str]:
    unit = replace(FAILED, active_state="active", active_enter_at=began)
    lines = [Line(at=100.0 + n, message=message, unit=unit.name) for n, message in enumerate(messages)]
    view: Any = SimpleNamespace(
        answered={unit.name: answered},
        now=lambda: lines[-1].at + later,
        processes=SimpleNamespace(pids_in=lambda _group: ()),
        sockets=SimpleNamespace(serves=lambda *_pids: serves),
    )
    return _at_work(lines, view, unit, case("ConnectionRefused"))


def test_a_migration_at_its_start_is_work() -> None:
    """A restart would begin it anew; what says the same all the time, is at a loss, has served before or has fallen silent is none."""
    migrates = [f"migrating table {n} of 50" for n in range(12, 15)]
    assert _working(migrates) == {"log.at_work": "migrating table 14 of 50"}
    assert _working(["waiting for the lock holder"] * 5) == {}
    assert _working([f"attempt {n}: connection refused" for n in range(3)]) == {}
    assert _working(migrates, answered=60.0) == {}
    assert _working(migrates, later=60.0) == {}
    assert _working(migrates, serves=True) == {}  # its door is open, and it is another one
    assert _working(migrates, began=-9000.0) == {}  # it runs for hours: that is no start
