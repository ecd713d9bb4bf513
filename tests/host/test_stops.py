"""Why a unit is down, by what PID 1 wrote."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import Journal, Line
from orchestrator.host.kernel import Kernel
from orchestrator.host.stops import DEACTIVATED, FAILED, STARTED, STOPPED, STOPPING, Stops
from orchestrator.host.unit import EXITED, Unit

GIVEN_UP = (
    "south.service: Found ordering cycle on north.service/start",
    "south.service: Found dependency on south.service/start",
    "south.service: Job north.service/start deleted to break ordering cycle starting with south.service/start",
)
STOPPED_BY_HAND = ((STOPPING, "7", "Stopping"), (STOPPED, "7", "Stopped"))


class Written(Journal):
    """A journal in which PID 1 wrote these lines about every unit."""

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__(Kernel())
        self.lines = tuple(lines)

    def manager_lines(self, unit: str | Sequence[str], since: float, lines: int = 200, *, boot_only: bool = True) -> tuple[Line, ...]:
        del unit, lines, boot_only
        return tuple(line for line in self.lines if line.at >= since)


def _line(at: float, message: str, kind: str = "", job: str = "") -> Line:
    fields = {"MESSAGE_ID": kind, "JOB_ID": job, "JOB_TYPE": "stop" if job else ""}
    return Line(
        at=at, message=message, pid=1, unit="north.service", trusted=True, fields={name: text for name, text in fields.items() if text}
    )


def _down(lines: Sequence[Line]) -> tuple[Stops, Unit]:
    unit = Unit(name="north.service", load_state="loaded", active_state="inactive", inactive_enter_at=100.0)
    return Stops(Written(lines), lambda name: Unit(name=name)), unit


def _by_hand() -> list[Line]:
    return [_line(100.0, text, kind, job) for kind, job, text in STOPPED_BY_HAND]


def test_a_stop_by_hand_stands() -> None:
    """Nobody has asked for a start since."""
    stops, unit = _down(_by_hand())
    assert stops.asked_for(unit)
    assert stops.cycle(unit) == ()


@pytest.mark.parametrize("said", [GIVEN_UP, ("south.service: Unable to break cycle starting with north.service/start",)])
def test_a_start_that_a_circle_forbade_was_asked_for(said: Sequence[str]) -> None:
    """Who started it after his stop wanted it up; systemd gave the start up, and names the units that wait for each other."""
    stops, unit = _down([*_by_hand(), *(_line(101.0, text) for text in said)])
    assert stops.asked_for(unit) is None
    assert stops.cycle(unit) == ("north.service", "south.service")


def test_a_circle_of_stops_is_none() -> None:
    """The order of stops has circles too, and they keep nothing down."""
    stops, unit = _down([*_by_hand(), _line(101.0, "south.service: Found ordering cycle on north.service/stop")])
    assert stops.asked_for(unit)
    assert stops.cycle(unit) == ()


def test_a_circle_of_before_its_last_start_explains_nothing() -> None:
    """It has run since."""
    stops, unit = _down([*(_line(90.0, text) for text in GIVEN_UP), _line(95.0, "Started", STARTED), *_by_hand()])
    assert stops.asked_for(unit)
    assert stops.cycle(unit) == ()


def test_a_stop_that_nobody_writes_down_is_unknown() -> None:
    """LogLevelMax=warning: of the stop of a Java that exits with 143 only the failure is left in the journal."""
    failed = _line(100.0, "north.service: Failed with result 'exit-code'.", FAILED)
    down = Unit(
        name="north.service", load_state="loaded", active_state="failed", result="exit-code", inactive_enter_at=100.0,
        exec_main_code=EXITED, exec_main_status=143, log_level_max=4,
    )  # fmt: skip
    with pytest.raises(Unavailable, match="LogLevelMax"):
        Stops(Written([failed]), lambda name: Unit(name=name)).asked_for(down)
    for told in (replace(down, log_level_max=7), replace(down, exec_main_status=1)):
        assert Stops(Written([failed]), lambda name: Unit(name=name)).asked_for(told) is None


def _runs(*ends: tuple[float, str], pause: float = 60.0) -> list[Line]:
    """Runs that began `pause` seconds after the last one's end; each with how long it took and how it ended."""
    lines, at = [], 0.0
    for seconds, how in ends:
        lines.append(_line(at := at + pause, "Started", STARTED))
        at += seconds
        lines += [_line(at, "Stopping", STOPPING, "7")] if how == "stopped" else []
        lines.append(_line(at, how, FAILED if how == "failed" else DEACTIVATED))
        lines += [_line(at, "Stopped", STOPPED, "7")] if how in ("stopped", "shut down") else []
    return lines


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (_runs((9, "ended"), (9, "ended")), True),
        (_runs((9, "ended")), False),
        (_runs((9, "ended"), (9, "ended"), pause=5), False),
        (_runs((9, "stopped"), (9, "ended")), False),
        (_runs((9, "failed"), (9, "ended")), False),
        (_runs((9, "ended"), (9, "failed"), (9, "ended")), False),
        (_runs((9, "shut down"), (9, "ended")), False),
    ],
    ids=[
        "a job",
        "its first end",
        "missed at once",
        "stopped by hand before",
        "failed before",
        "failed since",
        "remained till the shutdown",
    ],
)
def test_who_ended_before_and_was_left_so_is_a_job(lines: list[Line], *, expected: bool) -> None:
    """An import at the boot that nobody made a oneshot; what was started again at once was missed."""
    stops, unit = _down(lines)
    assert stops.ends_by_itself(unit) is expected
