"""What people decide: at once by themselves, or through the daemon."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from escalation import Desk
from escalation.words import Post
from orchestrator.config import Config, Mail
from orchestrator.engine.clicks import Clicks
from orchestrator.model import Status, epoch
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import asked, escalated, fault, healed


@contextmanager
def answering(store: Store, desk: Desk) -> Iterator[None]:
    """The part of the daemon that takes decisions, alive."""
    store.remember_tick(time.time(), {})
    ended, clicks = threading.Event(), Clicks(store, desk, Config())

    def work() -> None:
        while not ended.wait(0.01):
            clicks.take()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def inbox(store: Store) -> list[dict[str, object]]:
    return [{**row, "args": json.loads(row["args"])} for row in store.ledger.rows("SELECT verb, args, actor FROM inbox ORDER BY id")]


def test_acts_on_an_escalation_need_no_daemon(call: Call, store: Store, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ack, note, snooze, unack: each is done at once, by whoever is behind sudo."""
    monkeypatch.setenv("SUDO_USER", "alice")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    _number, escalation = escalated(store, desk)
    acted = str(escalation)
    assert call("escalations", "ack", acted).stdout.startswith(f"escalation {escalation} is acknowledged, with alice, until 2")
    assert call("escalations", "note", acted, "the disk is loose").stdout.endswith("; the note is written down\n")
    assert "no reminder before 2" in call("escalations", "snooze", acted, "--for", "2h").stdout
    assert call("escalations").stdout.splitlines()[1].split()[1] == "snoozed"
    assert call("escalations", "show", acted).stdout.startswith(f"escalation {acted}: SNOOZED")
    now = desk.find(escalation)
    assert now is not None
    assert now.owner == "alice"
    assert 7100 < epoch(now.snoozed_until or "") - time.time() <= 7200
    assert "alice: the disk is loose" in call("escalations", "show", acted).stdout
    assert call("escalations", "unack", acted).stdout.startswith(f"escalation {escalation} is open")
    assert inbox(store) == []


def test_an_act_that_comes_too_late_is_1(call: Call, store: Store, desk: Desk) -> None:
    """Whoever is second is told how it is now, and nothing changes."""
    _number, escalation = escalated(store, desk)
    desk.ack(escalation, "alice")
    result = call("escalations", "ack", str(escalation))
    assert result.exit_code == 1
    assert f"escalation {escalation} moved on: it is acknowledged" in result.stderr
    assert call("escalations", "ack", "99").exit_code == 1


def test_resolving_while_the_fault_stands_needs_a_word(call: Call, store: Store, desk: Desk) -> None:
    """It says that the fault stands, and does nothing without `--yes`; then it does."""
    _number, escalation = escalated(store, desk)
    refused = call("escalations", "resolve", str(escalation), "--as", "loose cable")
    assert refused.exit_code == 1
    assert "the fault still stands (seen 6 min ago)" in refused.stderr
    assert desk.find(escalation).status == "open"  # type: ignore[union-attr]
    assert call("escalations", "resolve", str(escalation), "--as", "loose cable", "--yes").exit_code == 0
    assert desk.find(escalation).resolution == "loose cable"  # type: ignore[union-attr]
    assert call("escalations", "reopen", str(escalation)).stdout.startswith(f"escalation {escalation} is open")


def test_resolving_what_is_mended_asks_nothing(call: Call, store: Store, desk: Desk) -> None:
    """The fault is gone: done."""
    number, escalation = escalated(store, desk)
    store.close(number, Status.CLEARED, phase=4, fix_successful=None, resolution="it went away by itself")
    assert call("escalations", "resolve", str(escalation), "--as", "loose cable").exit_code == 0


def test_approving_shows_exactly_what_will_run(call: Call, store: Store, desk: Desk) -> None:
    """The plan with command line, risk, undo and expiry is printed; its hash goes to the daemon, which lets exactly that plan run."""
    number, escalation, proposal = asked(store, desk)
    with answering(store, desk):
        result = call("escalations", "approve", str(escalation))
    assert result.exit_code == 0
    assert "1. stop other.service  (medium risk, undone if it does not help)\n       $ systemctl stop other.service\n" in result.stdout
    assert "expires    2" in result.stdout
    assert result.stdout.endswith(f"approved: stop other.service; incident {number} is looked at again, and then exactly this plan runs\n")
    assert inbox(store)[0]["args"] == {"escalation_id": escalation, "hash": proposal.hash}
    case = store.case(number)
    assert case is not None
    assert case.approved == proposal


def test_a_plan_that_was_tampered_with_is_not_approved(call: Call, store: Store, desk: Desk, state_dir: Path) -> None:
    """What is shown and what was asked about differ: nobody can approve it."""
    _number, escalation, _proposal = asked(store, desk)
    with sqlite3.connect(state_dir / "escalations.db") as database:
        database.execute("UPDATE interventions SET plan = replace(plan, 'other.service', 'database.service')")
    database.close()
    result = call("escalations", "approve", str(escalation))
    assert result.exit_code == 1
    assert "is not the one that was asked about" in result.stderr
    assert inbox(store) == []


def test_a_refusal_of_the_daemon_is_1(call: Call, store: Store, desk: Desk) -> None:
    """The daemon's own word is printed, and the status says that it was no."""
    _number, escalation, _proposal = asked(store, desk, expires_in=-1)
    with answering(store, desk):
        result = call("escalations", "approve", str(escalation))
    assert result.exit_code == 1
    assert result.stderr.startswith("refused: ")
    assert "it is past" in result.stdout


def test_a_decision_waits_for_a_daemon_that_does_not_run(call: Call, store: Store, desk: Desk) -> None:
    """It is kept and said so, without waiting for an answer that cannot come."""
    _number, escalation, _proposal = asked(store, desk)
    began = time.monotonic()
    result = call("escalations", "reject", str(escalation), "--reason", "other.service is the one that counts")
    assert time.monotonic() - began < 1
    assert result.exit_code == 0
    assert result.stdout == "left for the daemon as decision 1: it has not run on this state directory yet\n"
    assert inbox(store)[0]["args"] == {"escalation_id": escalation, "reason": "other.service is the one that counts"}


def test_what_asks_nothing_cannot_be_approved(call: Call, store: Store, desk: Desk) -> None:
    """An escalation without a plan says what to read instead."""
    _number, escalation = escalated(store, desk)
    result = call("escalations", "approve", str(escalation))
    assert result.exit_code == 1
    assert "asks for no permission" in result.stderr


def test_maintenance_begins_and_ends(call: Call, store: Store, desk: Desk) -> None:
    """A window has an end and a reason; a name that nobody declared is a mistake, not a window."""
    with answering(store, desk):
        assert call("pause", "shop", "--for", "30m", "--reason", "moving").stdout.startswith("hands off shop until 2")
        (window,) = store.maintenance(time.time())
        assert (window.service, window.reason) == ("shop", "moving")
        assert 1700 < window.until - time.time() <= 1800
        assert call("resume", "shop").stdout == "1 window(s) ended\n"
        assert call("pause", "--for", "1d", "--reason", "moving house").stdout.startswith("hands off the whole host until 2")
    assert call("pause", "shpo", "--for", "30m", "--reason", "moving").exit_code == 64


def test_retry_begins_anew(call: Call, store: Store, desk: Desk) -> None:
    """Whoever mended the cause lets the daemon try again."""
    number, _escalation = escalated(store, desk)
    with answering(store, desk):
        assert call("retry", str(number)).stdout == f"incident {number} begins anew in phase 1\n"
        assert call("retry", str(healed(store, fault("a.service", "a.service failed")))).exit_code == 1


def test_every_line_of_a_mail_can_be_typed(call: Call, store: Store, desk: Desk) -> None:
    """What a mail tells a person to type is a command that exists, with the options that it has."""
    desk.post = Post(mail=Mail.model_validate({"port": 9, "first_wait_seconds": 0, "group_seconds": 0}))
    asked(store, desk)
    desk.deliver(time.time())
    escalated(store, desk, fault("b.service", "b.service failed"))
    desk.deliver(time.time())
    bodies = [row["body"] for row in desk.ledger.rows("SELECT body FROM mails")]
    lines = {line.strip() for body in bodies for line in body.splitlines() if line.strip().startswith("orchestrator ")}
    assert len(lines) >= 10
    for line in sorted(lines):
        words = [word.strip("'") for word in line.split()[1:]]
        assert call(*words).exit_code in (0, 1), line
