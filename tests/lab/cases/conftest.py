"""The fixture of all cases: a fresh host, watched."""

import sys
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.lab.watched")  # its assertions tell as much as a test's own

from tests.lab.host import Host  # noqa: E402
from tests.lab.watched import Watched  # noqa: E402


@pytest.fixture
def watched(lab: Host) -> Iterator[Watched]:
    """A fresh host; the daemon begins when the case says so, and its story is shown when the case fails."""
    watched = Watched(lab)
    yield watched
    sys.stdout.write(watched.story())


@pytest.fixture
def watched_v1(lab_v1: Host) -> Iterator[Watched]:
    """The same, with real memory limits."""
    watched = Watched(lab_v1)
    yield watched
    sys.stdout.write(watched.story())
