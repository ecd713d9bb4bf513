"""Good copies are the hands' own: they judge by what they see, and the daemon only says when to look."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.hands.hands import Hands
from orchestrator.hands.remembering import PROBATION_SECONDS
from orchestrator.host import View
from orchestrator.host.machine import Machine


class Shop:
    """A service that no unit runs, with a probe: what it ran with for a minute it has read."""

    def __init__(self, tmp_path: Path) -> None:
        self.file = tmp_path / "shop.conf"
        self.file.write_text("good")
        tables = {"service": [{"name": "shop", "config_files": [str(self.file)], "probes": [{"file": str(self.file)}]}]}
        self.view = View(tmp_path / "hands")
        self.hands = Hands(Config.model_validate(tables), tmp_path / "hands" / "record", Machine(self.view, tmp_path / "q"), self.view)

    @property
    def good(self) -> bytes:
        return self.view.known_good.content(str(self.file)) if self.view.known_good.get(str(self.file)) else b""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.view.close()


def later(shop: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(shop.view, "now", lambda: time.time() + seconds)


def test_what_it_ran_well_with_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has run for a minute since the file's last change."""
    later(shop, monkeypatch, PROBATION_SECONDS + 5)
    assert shop.hands.remember("shop", time.time()) == {"detail": "", "programs": ()}
    assert shop.good == b"good"


def test_a_wish_is_not_enough(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was changed a moment ago is good for nobody, whatever time the answer is said to be of."""
    later(shop, monkeypatch, 5.0)
    shop.hands.remember("shop", 1e12)
    assert shop.good == b""


def test_only_what_is_declared_is_kept(shop: Shop) -> None:
    """By a name of the configuration, never by a path."""
    for name in ("other", str(shop.file)):
        assert shop.hands.remember(name, time.time())["detail"] == f"{name} is not declared"


def test_names_are_found_with_what_was_there_then(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name file that was changed since names were found last is no good copy."""
    names = tmp_path / "hosts"
    names.write_text("127.0.0.1 localhost")
    monkeypatch.setattr("orchestrator.hands.remembering.NAME_FILES", (str(names),))
    shop.hands.remember("", names.stat().st_ctime - 1)
    assert shop.view.known_good.get(str(names)) is None
    shop.hands.remember("", time.time())
    assert shop.view.known_good.get(str(names))
