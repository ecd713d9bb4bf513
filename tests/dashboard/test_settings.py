"""The configuration as it is by now, though nobody starts the dashboard anew: an operator reloads the daemon alone."""

import logging
from pathlib import Path

import pytest
from werkzeug.test import Client

from dashboard.app import create
from dashboard.settings import Settings
from escalation.doors import Doors
from orchestrator.config import load
from orchestrator.store import Store
from tests.dashboard.conftest import Browser
from tests.dashboard.test_alerts import alert, message, send

SHOP = '[[service]]\nname = "shop"\nunit = "shop.service"\n'


@pytest.fixture
def file(tmp_path: Path, state_dir: Path) -> Path:
    written = tmp_path / "config.toml"
    written.write_text(f'[daemon]\nstate_dir = "{state_dir}"\n[mail]\nenabled = false\n')
    (tmp_path / "conf.d").mkdir()
    return written


def declare(file: Path, text: str = SHOP) -> None:
    (file.parent / "conf.d" / "shop.toml").write_text(text)


def test_a_service_that_is_declared_later_is_known(file: Path, store: Store, doors: Doors) -> None:
    """An alert that names it is taken, by the process that was there before."""
    del store
    said = message(alert(labels={"unit": "", "service": "shop"}))
    browser, secret = Browser(create(load(file), file)), doors.create_token("alertmanager", "alerts", "anna")
    assert [one["name"] for one in (send(browser, secret, said).json or {})["not_understood"]] == ["ShopDown"]
    declare(file)
    assert send(browser, secret, said).json == {"taken": 1, "resolved": 0, "dropped": 0, "not_understood": []}


def test_a_new_name_is_answered_to(file: Path) -> None:
    """`[dashboard] names` and url count at once: the link that is printed from them leads in."""
    client = Client(create(load(file), file))
    assert client.get("/health", base_url="http://ops.example:8888").status_code == 421
    declare(file, '[dashboard]\nnames = ["ops.example"]\n')
    assert client.get("/health", base_url="http://ops.example:8888").status_code == 200


def test_a_bad_configuration_leaves_the_old_one(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, with its file, and what comes after it counts again."""
    settings = Settings(load(file), file)
    declare(file, "[[service]]\nnom = 1\n")
    with caplog.at_level(logging.WARNING):
        assert [settings.now().service, settings.now().service] == [(), ()]
    (told,) = caplog.messages
    assert "the old one stays" in told
    assert "shop.toml: service.0.nom: unknown key" in told
    declare(file)
    assert [service.name for service in settings.now().service] == ["shop"]


def test_its_own_place_stays_until_it_is_started_anew(file: Path, tmp_path: Path) -> None:
    """It listens where it listens, and its doors are in the state that it began with."""
    settings = Settings(load(file), file)
    begun = settings.now()
    file.write_text(f'[daemon]\nstate_dir = "{tmp_path / "elsewhere"}"\npoll_seconds = 7\n[dashboard]\nport = 9999\n')
    now = settings.now()
    assert (now.daemon.state_dir, now.dashboard.port, now.daemon.poll_seconds) == (begun.daemon.state_dir, begun.dashboard.port, 7)
