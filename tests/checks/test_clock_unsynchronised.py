"""A clock that somebody kept, and that nobody keeps."""

from collections.abc import Iterator

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.clock import Clock

CHECK = all_checks()["clock_unsynchronised"]


class Alone(Clock):
    """A clock without a time server."""

    def synchronised(self) -> bool:
        return False


@pytest.fixture
def view() -> Iterator[View]:
    opened = View()
    yield opened
    opened.close()


def test_a_host_without_a_time_server_is_no_fault(view: View) -> None:
    """Nobody ever kept its clock."""
    view.clock = Alone()
    assert CHECK.ask(view, Config()) == ()


def test_what_was_kept_and_is_not_any_more_is_told(view: View) -> None:
    """As one fault of the host, whatever stands on it."""
    view.clock = Alone()
    view.clock.was_synchronised = True
    seen = CHECK.ask(view, Config())
    assert isinstance(seen, tuple)
    assert [(fault.target, fault.reason) for fault in seen] == [("clock", "ClockUnsynchronised")]
