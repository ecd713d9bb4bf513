"""When failing probes are somebody's decision."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.checks.wanted_silence import is_wanted
from orchestrator.config import Config
from orchestrator.host import ProbeResult, View

PAGE = "We are in maintenance until six"


@pytest.fixture
def view() -> Iterator[View]:
    opened = View()
    yield opened
    opened.close()


def wanted(view: View, place: Path, status: int, said: str, *, comes_back: bool = False) -> bool:
    config = Config.model_validate({"service": [{"name": "kiosk", "config_files": [f"{place}/kiosk.conf"]}]})
    miss = ProbeResult("http x", ok=False, failure="status", status=status, said=said, comes_back=comes_back)
    return is_wanted(view, config, config.service[0], [miss])


def test_a_maintenance_page_that_was_switched_on_is_a_decision(view: View, tmp_path: Path) -> None:
    """The words alone may be those of any error page; the file that appeared beside the configuration is somebody's deed."""
    assert not wanted(view, tmp_path, 503, PAGE)
    (tmp_path / "maintenance.on").touch()
    assert wanted(view, tmp_path, 503, PAGE)
    assert not wanted(view, tmp_path, 500, PAGE)
    assert not wanted(view, tmp_path, 503, "maintenance downtime or capacity problems")


def test_a_switch_that_was_there_while_it_served_switched_nothing(view: View, tmp_path: Path) -> None:
    """Its page lies ready all the time."""
    switch = tmp_path / "maintenance.html"
    switch.touch()
    os.utime(switch, (0, 0))
    view.answered["kiosk"] = time.time() + 3600
    assert not wanted(view, tmp_path, 503, PAGE)


def test_what_says_when_it_comes_back_is_left_alone(view: View, tmp_path: Path) -> None:
    """Retry-After is its own word, and it counts for an hour."""
    assert wanted(view, tmp_path, 503, "busy", comes_back=True)
