"""What is to be looked at again since systemd told of it: all of it, once, and no more than that."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from orchestrator.config import Service
from orchestrator.hands.seam import AnyHands
from orchestrator.host import View
from orchestrator.host.known_servers import KnownServers
from orchestrator.knowledge.remembering import Remembering
from orchestrator.model import Json

SHOP = Service.model_validate({"name": "shop", "unit": "shop.service"})


class Told:
    """Hands that note whether anything is said to have changed."""

    def __init__(self) -> None:
        self.changed: list[bool] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def remember(self, service: str, answered: float, *, changed: bool) -> Json:
        assert (service, answered) == ("shop", 0.0)
        self.changed.append(changed)
        self.meanwhile()
        return {"detail": ""}


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    opened = View(tmp_path / "hands")
    monkeypatch.setattr(KnownServers, "meet", lambda *_: None)
    yield opened
    opened.close()


@pytest.fixture
def hands() -> Told:
    return Told()


@pytest.fixture
def remembering(view: View, hands: Told) -> Remembering:
    return Remembering(view, cast("AnyHands", hands))


def test_what_changes_while_the_hands_look_is_looked_at_again(remembering: Remembering, hands: Told) -> None:
    """They may have looked before it changed."""
    hands.meanwhile = lambda: remembering.note_changed(frozenset({"shop.service"}))
    remembering.good_files(SHOP)
    hands.meanwhile = lambda: None
    for _ in range(2):
        remembering.good_files(SHOP)
    assert hands.changed == [True, True, False]


def test_units_that_come_and_go_for_ever_are_not_kept_for_ever(remembering: Remembering, hands: Told) -> None:
    """A host that runs each job as a unit of its own; who was told of among them is looked at all the same."""
    remembering.good_files(SHOP)
    remembering.note_changed(frozenset({"shop.service"}))
    for n in range(20_000):
        remembering.note_changed(frozenset({f"run-{n}.service"}))
    assert len(remembering._changed) < 10_000
    remembering.good_files(SHOP)
    assert hands.changed == [True, True]
