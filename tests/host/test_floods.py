"""Units of which journald drops lines, by its own word."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from orchestrator.host import Journal, Line, Processes
from orchestrator.host.floods import Floods

NOW = 1000.0


@dataclass
class Says:
    """What journald said, and how often it was asked."""

    lines: list[Line] = field(default_factory=list)
    asked: int = 0

    def suppressed(self, since: float) -> tuple[Line, ...]:
        self.asked += 1
        return tuple(line for line in self.lines if line.at >= since)


class Busy:
    """journald, at work all the time."""

    seconds = 0.0

    def ran(self, path: str) -> float:
        assert path.endswith("systemd-journald.service")
        self.seconds += 1000
        return self.seconds


def watched(*drops: tuple[float, str], busy: Any = None) -> tuple[Floods, Says]:
    says = Says([Line(at=at, message=message) for at, message in drops])
    return Floods(cast(Journal, says), cast(Processes, busy or Busy())), says


def dropped(*ages: float, by: str = "mill.service") -> list[tuple[float, str]]:
    return [(NOW - age, f"Suppressed 400 messages from {by}") for age in ages]


def test_a_flood_is_one_that_goes_on() -> None:
    """Dropped again and again until now: told with how much and for how long."""
    floods, _ = watched(*dropped(65, 35, 5))
    [flood] = floods.now(NOW)
    assert (flood.unit, flood.dropped, flood.seconds) == ("mill.service", 1200, 65)


@pytest.mark.parametrize("ages", [(5,), (15, 5), (200, 150), (400, 350)])
def test_a_burst_is_none(ages: tuple[float, ...]) -> None:
    """Once, for a moment, or over by now."""
    assert watched(*dropped(*ages))[0].now(NOW) == ()


def test_each_line_counts_once() -> None:
    """What was read is not read again, and an older one counts no more once it is old."""
    floods, _ = watched(*dropped(65, 35, 5))
    assert floods.now(NOW)[0].dropped == floods.now(NOW + 1)[0].dropped == 1200
    assert floods.now(NOW + 100) == ()


def test_what_was_seen_to_is_over() -> None:
    """What is told late of the time before a repair is no new flood."""
    floods, says = watched(*dropped(65, 35, 5))
    assert floods.now(NOW)
    floods.seen_to("mill.service", NOW)
    assert floods.now(NOW) == ()
    says.lines += [Line(at=NOW + 10, message="Suppressed 9 messages from mill.service")]
    assert floods.now(NOW + 11) == ()


def test_a_clock_that_was_set_back_hides_no_flood() -> None:
    """What is dropped from then on has times that were there before."""
    floods, says = watched(*dropped(65, 35, 5))
    assert floods.now(NOW)
    says.lines = [Line(at=at - 500, message=message) for at, message in dropped(65, 35, 5, by="tap.service")]
    assert [flood.unit for flood in floods.now(NOW - 500)] == ["tap.service"]


def test_while_journald_rests_no_journal_is_read() -> None:
    """Nobody can flood without keeping it busy, so that a quiet host pays for one look into /proc."""

    class Resting:
        def ran(self, path: str) -> float:
            return 3.0 if path else 0.0

    floods, says = watched(*dropped(65, 35, 5), busy=Resting())
    floods.now(NOW)
    asked = says.asked
    floods, says = watched(busy=Resting())
    floods.now(NOW)
    says.asked = 0
    floods.now(NOW + 20)
    assert (asked, says.asked) == (1, 0)


def test_only_units_are_named() -> None:
    """Whatever else stands there is nobody that could be helped; a group's path tells its unit."""
    floods, _ = watched(*dropped(65, 5, by="/system.slice/mill.service"), *dropped(65, 5, by="kernel"), *dropped(60, 6, by="../x"))
    assert [flood.unit for flood in floods.now(NOW)] == ["mill.service"]
    assert floods.dropped("mill.service", NOW - 600) == 800
