"""Automatic restarts are counted once each, whoever looks and however often."""

from orchestrator.host.restarts import Restarts


def _counted(*notes: tuple[int, str]) -> int:
    restarts = Restarts()
    for n_restarts, invocation in notes:
        restarts.note("web.service", n_restarts, invocation)
    return restarts.count("web.service", 60)


def test_the_first_look_is_no_news() -> None:
    """What systemd counted before the daemon came is not counted as of now."""
    assert _counted((5, "a")) == 0


def test_each_restart_counts_once() -> None:
    """Looking again at the same run adds nothing."""
    assert _counted((0, "a"), (1, "b"), (1, "b"), (2, "c")) == 2


def test_restarts_between_two_looks_count_too() -> None:
    """The counter tells what nobody saw."""
    assert _counted((0, "a"), (7, "h")) == 7


def test_the_counter_grows_before_the_run_changes() -> None:
    """systemd raises the counter while the dead run is still the current one: that is not counted twice."""
    assert _counted((0, "a"), (1, "a"), (1, "b")) == 1


def test_a_start_by_hand_counts_nothing() -> None:
    """It sets the counter back to zero."""
    assert _counted((3, "a"), (0, "b")) == 0


def test_restarts_after_a_start_by_hand_count() -> None:
    """The same number in another run is a new one: the counter was set back in between."""
    assert _counted((1, "a"), (1, "c")) == 1
    assert _counted((5, "a"), (2, "c")) == 2


def test_only_the_window_counts() -> None:
    """A restart is forgotten when the window has passed it."""
    restarts = Restarts()
    restarts.note("web.service", 0, "a")
    restarts.note("web.service", 1, "b")
    assert restarts.count("web.service", 0.0) == 0
    assert restarts.count("other.service", 60) == 0


def test_memory_is_bounded() -> None:
    """A counter that jumped to a million, and ten thousand units, take no more than their share."""
    assert _counted((0, "a"), (1_000_000, "b")) == 200
    restarts = Restarts()
    for number in range(3000):
        restarts.note(f"{number}.service", 0, "a")
    assert len(restarts._units) == 2000
