"""Fixtures: `site` is a dashboard on the state of a daemon that is not running, `browser` a person in front of it, logged in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Config
from orchestrator.engine.clicks import Clicks
from orchestrator.store import Store
from tests.browser import chromium
from tests.browser.chromium import Browser
from tests.browser.site import Site, free_port


@pytest.fixture
def daemon_takes_clicks(store: Store, desk: Desk) -> Callable[[], None]:
    """What the daemon's loop does with the decisions that wait, once."""
    return Clicks(store, desk, Config()).take


@pytest.fixture
def site(tmp_path: Path, state_dir: Path, store: Store, desk: Desk) -> Iterator[Site]:
    """The databases are there, made by `store` and `desk`."""
    assert store
    assert desk
    port, file = free_port(), tmp_path / "config.toml"
    file.write_text(f"""
[daemon]
state_dir = "{state_dir}"
[mail]
enabled = false
[dashboard]
port = {port}
[[service]]
name = "shop"
unit = "shop.service"
""")
    with Site(file, port) as running:
        yield running


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    if reason := chromium.unavailable():
        pytest.skip(reason)
    with Browser() as opened:
        log_in(opened, site)
        yield opened


def log_in(browser: Browser, site: Site) -> None:
    browser.open(site.link())
    browser.click("main button")
    browser.wait(lambda: "/login" not in browser.address, "logged in")
