"""Hands of their own hear what a person allows from the person, before any row is left that the daemon acts on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from dashboard.app import create
from escalation import Desk
from escalation.acts import ACTS, Done, Unheard
from escalation.doors import Doors
from escalation.operator import Operator
from orchestrator.cli import main
from orchestrator.config import Config
from orchestrator.hands import client
from orchestrator.hands.approvals import Approvals
from orchestrator.hands.hands import Hands
from orchestrator.hands.peers import Peers
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.store import Store
from tests.cli.scenes import asked
from tests.dashboard.conftest import Browser
from tests.hands.talking import served

NOT_US = Peers(brain="nobody", web="games", group="root")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hands that are not there are not waited for."""
    monkeypatch.setattr(client, "_RETRY_SECONDS", 0.0)


@pytest.fixture
def config(state_dir: Path, tmp_path: Path) -> Config:
    settings = {"daemon": {"state_dir": str(state_dir)}, "hands": {"socket": str(tmp_path / "hands.sock")}, "mail": {"enabled": False}}
    return Config.model_validate(settings)


@pytest.fixture
def hands(tmp_path: Path, config: Config) -> Iterator[Hands]:
    view = View(tmp_path / "hands")
    yield Hands(config, tmp_path / "hands" / "record", Machine(view, tmp_path / "hands" / "quarantine"), view)
    view.close()


def approve(config: Config, number: int, **said: object) -> Done:
    verb = str(said.pop("verb", "approve"))
    return Operator(config=config, actor="anna", patience=0.0).perform(ACTS["escalation", verb].model_validate(said), number)


def rows(state_dir: Path) -> list[str]:
    return [row["verb"] for row in Database(state_dir / "tasks.db")["inbox"].rows]


def test_the_hands_hear_it_first(store: Store, desk: Desk, config: Config, hands: Hands, state_dir: Path, tmp_path: Path) -> None:
    """Exactly the plan that was shown, from the person's own process; then the daemon has its row."""
    _incident, number, proposal = asked(store, desk)
    with served(hands, tmp_path, NOT_US):
        assert approve(config, number, hash=proposal.hash).waits
    assert Approvals(tmp_path / "hands" / "approvals").of(proposal.plan[0], time.time())
    assert rows(state_dir) == ["approve"]


def test_what_the_hands_have_not_heard_is_not_left(store: Store, desk: Desk, config: Config, state_dir: Path) -> None:
    """Nothing is written, the note neither; the person is told what to do."""
    _incident, number, proposal = asked(store, desk)
    with pytest.raises(Unheard, match="systemctl status autonomous-orchestrator-hands"):
        approve(config, number, hash=proposal.hash, note="go on")
    assert rows(state_dir) == []
    assert not list(Database(state_dir / "escalations.db").query("SELECT 1 FROM notes WHERE text = 'go on'"))


def test_another_plan_is_heard_in_its_place(store: Store, desk: Desk, config: Config, hands: Hands, tmp_path: Path) -> None:
    """What was edited is allowed, and what was shown is not."""
    _incident, number, proposal = asked(store, desk)
    instead = {"kind": "reset_failed", "unit": "shop.service"}
    with served(hands, tmp_path, NOT_US):
        approve(config, number, verb="edit", hash=proposal.hash, plan=[instead])
    kept = json.loads((tmp_path / "hands" / "approvals").read_text())
    assert len(kept) == 1
    assert Approvals(tmp_path / "hands" / "approvals").of(proposal.plan[0], time.time()) is None


@pytest.mark.parametrize("expires_in", [3600.0, -1.0])
def test_only_what_is_asked_is_heard(
    store: Store, desk: Desk, config: Config, hands: Hands, tmp_path: Path, state_dir: Path, expires_in: float
) -> None:
    """Another hash, or a permission that expired: the daemon says why not, and the hands hear of nothing."""
    _incident, number, proposal = asked(store, desk, expires_in)
    with served(hands, tmp_path, NOT_US):
        approve(config, number, hash=proposal.hash if expires_in < 0 else "0" * 16)
    assert not (tmp_path / "hands" / "approvals").exists()
    assert rows(state_dir) == ["approve"]


def test_the_command_line_says_try_later(store: Store, desk: Desk, config: Config, tmp_path: Path) -> None:
    """Exit status 75, and one line."""
    file = tmp_path / "config.toml"
    file.write_text(f'[daemon]\nstate_dir = "{config.daemon.state_dir}"\n[hands]\nsocket = "{config.hands.socket}"\n')
    _incident, number, _proposal = asked(store, desk)
    result = CliRunner().invoke(main, ["--config", str(file), "escalations", "approve", str(number), "--yes"])
    assert (result.exit_code, "nothing was approved: the hands do not answer" in result.stderr) == (75, True)


def test_the_page_says_try_later(store: Store, desk: Desk, config: Config, state_dir: Path) -> None:
    """A page of words, for a form and for many at once."""
    _incident, number, proposal = asked(store, desk)
    anna = Browser(create(config))
    with Doors(state_dir) as doors:
        assert anna.post("/login", {"token": doors.invite("anna")}).status_code == 303
    answer = anna.act(f"/escalations/{number}/approve", hash=proposal.hash)
    assert (answer.status_code, "nothing was approved" in answer.text) == (503, True)
    assert rows(state_dir) == []
