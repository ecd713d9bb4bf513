"""At a terminal: colour beside the words, and questions before what cannot be taken back."""

import os
import pty
import subprocess
import time
from pathlib import Path

from escalation import Desk
from orchestrator.store import Store
from tests.cli.conftest import ORCHESTRATOR
from tests.cli.scenes import asked, escalated, fault


def at_terminal(config_file: Path, *words: str, typed: str = "") -> tuple[int, str]:
    """Run a command with a terminal of its own, where somebody types; its status and what the terminal was sent."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    environment.pop("NO_COLOR", None)
    argv = [*ORCHESTRATOR, "--config", str(config_file), *words]
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as run:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
    os.close(ours)
    return run.returncode, shown.decode()


def test_a_terminal_gets_colour_and_no_attack(config_file: Path, store: Store, desk: Desk) -> None:
    """Our own escape codes are there; those of a log's text are not."""
    store.remember_tick(time.time(), {})
    escalated(store, desk, fault(message="shop.service failed: \x1b[2J\x1b]0;owned\x07 [bold]end[/bold]"))
    status, shown = at_terminal(config_file, "status")
    assert status == 0
    assert "\x1b[31m" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown
    assert "[bold]" in shown


def test_a_terminal_is_asked_before_a_plan_runs(config_file: Path, store: Store, desk: Desk) -> None:
    """The plan is on the screen; a no leaves no decision."""
    _number, escalation, _plan = asked(store, desk)
    status, shown = at_terminal(config_file, "escalations", "approve", str(escalation), typed="n\n")
    assert status == 1
    assert shown.index("$ systemctl stop other.service") < shown.index("Let exactly this run?")
    assert store.take_clicks() == ()
    status, _shown = at_terminal(config_file, "escalations", "approve", str(escalation), typed="y\n")
    assert status == 0
    assert [click.verb for click in store.take_clicks()] == ["approve"]


def test_a_terminal_is_asked_before_a_standing_fault_is_resolved(config_file: Path, store: Store, desk: Desk) -> None:
    """It says that the fault stands; a yes does it."""
    _number, escalation = escalated(store, desk)
    words = ("escalations", "resolve", str(escalation), "--as", "it may stay so")
    status, shown = at_terminal(config_file, *words, typed="n\n")
    assert (status, "the fault still stands" in shown) == (1, True)
    assert at_terminal(config_file, *words, typed="y\n")[0] == 0
    found = desk.find(escalation)
    assert found is not None
    assert found.status == "resolved"
