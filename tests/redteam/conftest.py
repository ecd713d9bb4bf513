"""Fixtures: `ground` is one host for all attempts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.base import Base, unavailable
from tests.lab.host import Host
from tests.redteam.ground import Ground, prepare


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a lab."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("lab")


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """The hands behind their socket, and somebody who has the daemon's user."""
    if reason := unavailable():
        pytest.skip(reason)
    with Base() as base, Host(base) as host:
        yield prepare(host)
