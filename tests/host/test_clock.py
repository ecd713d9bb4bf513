"""The clock, as the kernel tells of it."""

from orchestrator.host.clock import Clock


def test_it_is_only_ever_read() -> None:
    """The kernel answers anybody, and what was seen once is remembered."""
    clock = Clock()
    kept = clock.synchronised()
    assert clock.was_synchronised is kept
    assert abs(clock.stepped()) < 5


def test_a_step_is_what_the_two_clocks_disagree_by() -> None:
    """The one of the host's life is not set with the other."""
    clock = Clock()
    clock._offset -= 3600
    assert 3595 < clock.stepped() < 3605
