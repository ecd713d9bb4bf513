"""The dashboard on a host's state, asked as a browser asks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from dashboard.app import create
from escalation import Desk
from escalation.doors import Doors
from orchestrator.config import Config

HOST = "127.0.0.1:8888"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """Somebody's browser, or a program: each request says where it comes from as a browser would."""

    def __init__(self, application: Any) -> None:
        self.client = Client(application)

    def get(self, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=f"http://{HOST}", headers=headers or {}, **more)

    def post(self, path: str, form: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, base_url=f"http://{HOST}", data=form, headers=SAME_ORIGIN if headers is None else headers, **more)

    def csrf_token(self, page: str = "/") -> str:
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get(page).text)
        assert found, f"{page} has no form"
        return found[1]

    def act(self, path: str, **form: Any) -> TestResponse:
        """As a form of one of our own pages does."""
        return self.post(path, {**form, "csrf_token": self.csrf_token()})


@pytest.fixture
def config(state_dir: Path) -> Config:
    return Config.model_validate({"daemon": {"state_dir": str(state_dir)}, "mail": {"enabled": False}})


@pytest.fixture
def stranger(config: Config) -> Browser:
    """A browser that is not logged in."""
    return Browser(create(config))


@pytest.fixture
def anna(stranger: Browser, state_dir: Path, desk: Desk) -> Browser:
    """A browser in which anna is logged in."""
    del desk
    with Doors(state_dir) as doors:
        secret = doors.invite("anna")
    assert stranger.post("/login", {"token": secret}).status_code == 303
    return stranger


@pytest.fixture
def doors(state_dir: Path, desk: Desk) -> Iterator[Doors]:
    del desk
    with Doors(state_dir) as opened:
        yield opened
