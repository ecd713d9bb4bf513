"""Fixtures: `lab` is a fresh host with cgroup v2, `lab_v1` one where memory limits are real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.base import Base, unavailable
from tests.lab.host import Host

WEBAPP = Path(__file__).with_name("webapp.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a lab, and comes last."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("lab")
    items.sort(key=lambda item: item.get_closest_marker("lab") is not None)


@pytest.fixture(scope="session")
def base() -> Iterator[Base]:
    reason = unavailable()
    if reason:
        pytest.skip(reason)
    with Base() as prepared:
        yield prepared


def equipped(host: Host) -> Host:
    """The same host, with the breakable web service on it."""
    host.write("/opt/lab/webapp.py", WEBAPP.read_text(encoding="utf-8"), 0o755)
    return host


@pytest.fixture
def lab(base: Base) -> Iterator[Host]:
    """A fresh host with cgroup v2."""
    with Host(base) as host:
        yield equipped(host)


@pytest.fixture
def lab_v1(base: Base) -> Iterator[Host]:
    """A fresh host with real memory and task limits: cgroup v1 where the machine keeps those controllers there."""
    with Host(base, limits=True) as host:
        yield equipped(host)
