"""What the daemon does about the money that models cost."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.daemon.loop import Daemon
from orchestrator.model import Cost
from orchestrator.store import Reader, Spent
from phases.consultation import Consultation

CALL = Cost(backend="ollama", model="played", tokens_in=900)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Wired, and not started: it looks at nothing. Somebody listens to what it tells systemd."""
    agents = {"backend": "ollama", "model": "played", "url": "http://127.0.0.1:9", "day_tokens": 1000, "calls": 7}
    tables = {"daemon": {"state_dir": str(tmp_path / "state")}, "mail": {"port": 9}, "agents": agents}
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{short}/notify")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{short}/notify")
        daemon = Daemon(Config.model_validate(tables), None)
        yield daemon
        daemon.close()
        daemon._notify.socket.close()


def budgets(daemon: Daemon) -> list[str]:
    return [row["subject"] for row in daemon.desk.ledger.rows("SELECT subject FROM mails WHERE period GLOB 'budget *'")]


def test_a_spent_day_is_told_once_however_often_it_is_looked_at(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    """By a mail, in the journal, and wherever the status is read; before the first refusal by none."""
    daemon._deliver()
    assert budgets(daemon) == []
    daemon.purse.reserve(CALL)
    daemon.store.ledger.run("UPDATE model_calls SET outcome = 'answered', ended_at = began_at")
    for _ in range(2):
        with pytest.raises(Spent):
            daemon.purse.reserve(CALL)
        daemon._deliver()
    assert len(budgets(daemon)) == 1
    assert sum("the embedded engine goes on alone" in record.getMessage() for record in caplog.records) == 1
    assert Reader(Path(daemon.config.daemon.state_dir)).status()["models"]["spent"]["refused"] == 2


def test_what_a_dead_run_left_under_way_is_settled_at_the_start(daemon: Daemon) -> None:
    """It counts with what was put aside for it."""
    daemon.purse.reserve(CALL)
    daemon.store.ledger.run("UPDATE model_calls SET run = ?", (f"{os.getpid()}-before",))
    daemon._take_up()
    assert daemon.store.ledger.rows("SELECT outcome, tokens_in FROM model_calls") == [{"outcome": "lost", "tokens_in": 900}]


def test_thinkers_are_as_many_as_calls(daemon: Daemon) -> None:
    """Or what a call of a model waits for would be a lane, and not the model."""
    assert daemon._lanes._room == {"quick": 4, "slow": 7}


def test_a_model_that_a_reload_brings_has_its_thinkers(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that it takes away leaves as many as the processor can use."""
    monkeypatch.setattr(daemon.looks, "ask_all", lambda: None)  # it is not started, and looks at nothing
    monkeypatch.setattr(daemon._timetable, "start", lambda _seconds: None)
    daemon._config_file = tmp_path / "config.toml"
    for agents, thinkers in (("", 2), ('[agents]\nbackend = "ollama"\nmodel = "played"\ncalls = 9\n', 9)):
        daemon._config_file.write_text(f'[daemon]\nstate_dir = "{tmp_path}/state"\n{agents}')
        daemon._read_again()
        assert daemon._lanes._room["slow"] == thinkers


def test_without_traces_nothing_stands_between_the_engine_and_its_phases(daemon: Daemon) -> None:
    """Where no collector is named the phases are the very ones that were made."""
    assert isinstance(daemon._phases(daemon.config)[3], Consultation)
    traced = Config.model_validate({"agents": {"traces": "http://127.0.0.1:4318"}})
    assert not isinstance(daemon._phases(traced)[3], Consultation)
