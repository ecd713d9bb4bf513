"""Trends: what leaks is told from what warms up."""

import pytest

from orchestrator.host.trends import Trend, Trends


def row(*values: float, step: float = 10.0) -> Trend:
    trends = Trends()
    for number, value in enumerate(values):
        trend = trends.note("x", "run", value, number * step, apart=step)
    return trend


def test_a_leak_rises() -> None:
    """Steady growth, with the noise of a garbage collector in it."""
    assert row(*(100 + 5 * n + (2 if n % 2 else 0) for n in range(30))).rises(20)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([100 + 50 * (1 - 0.5**n) for n in range(30)], id="a warm-up levels off"),
        pytest.param([100, 180] * 15, id="a sawtooth falls as often as it rises"),
        pytest.param([100] * 20 + [200] * 10, id="one step is one large request"),
        pytest.param([100 + 0.1 * n for n in range(30)], id="next to nothing"),
        pytest.param([100, 150, 200], id="too few points say nothing"),
    ],
)
def test_what_is_no_leak(values: list[float]) -> None:
    """Growth that ends, falls back, or is a single step is no leak."""
    assert not row(*values).rises(20)


def test_a_long_run_keeps_its_beginning() -> None:
    """Thinned, never cut off: the first and the last point stay, and memory is bounded."""
    trend = row(*range(10_000))
    assert (trend.values[0], trend.values[-1]) == (0, 9_999)
    assert len(trend.values) < 40


def test_a_leak_is_told_however_long_it_runs() -> None:
    """Growth that began at the start is still seen as such after the row was thinned many times."""
    assert row(*range(10_000)).rises(20)


def test_another_run_begins_anew() -> None:
    """A restart gives the memory back: what was measured before belongs to another process."""
    trends = Trends()
    trends.note("x", "first", 100, 0)
    assert trends.note("x", "second", 10, 10).values == (10,)


def test_points_keep_their_distance() -> None:
    """Whoever asks twice in a moment sees what is now, and adds nothing to what is kept."""
    trends = Trends()
    trends.note("x", "run", 1, 0, apart=5)
    assert trends.note("x", "run", 2, 3, apart=5).values == (1, 2)
    assert trends.of("x").values == (1,)


def test_the_limit_is_foretold() -> None:
    """10 a second, 100 to go."""
    assert row(*range(0, 1000, 100)).seconds_until(1000) == pytest.approx(10)
    assert row(5, 5, 5).seconds_until(10) == float("inf")
