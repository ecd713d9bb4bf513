"""How often each check looks."""

import pytest

from orchestrator.daemon.timetable import pace


@pytest.mark.parametrize(
    ("every", "poll", "seconds"),
    [
        (None, 30, 30),
        (10, 30, 10),
        (300, 30, 300),
        (10, 2, 2),
        (300, 2, 20),
        (60, 3600, 60),
    ],
)
def test_a_slow_check_keeps_its_pace_beside_the_sweep(every: float | None, poll: float, seconds: float) -> None:
    """A check that is rare by its own word stays rare on a usual host, and comes in proportion where the sweep is quick."""
    assert pace(every, poll) == pytest.approx(seconds)
