"""Everything that happened, in order."""

import time
from pathlib import Path

import pytest

from escalation import Desk
from escalation.timeline import of_escalation, timeline
from orchestrator.config import Config, Mail
from orchestrator.engine.clicks import Clicks
from orchestrator.model import Outcome, Status
from orchestrator.store import Inbox, Reader, Store
from tests.cli.scenes import ATTACK, asked, attempted, escalated, healed


@pytest.fixture
def mail() -> Mail:
    """Nobody is mailed."""
    return Mail.model_validate({"enabled": False})


def told(state_dir: Path, number: int) -> list[str]:
    story = Reader(state_dir).story(number)
    assert story is not None
    moments = timeline(story)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    return [f"{moment.who}|{moment.what}|{moment.text}" for moment in moments]


def test_a_handed_over_incident_from_its_first_sight_to_its_end(store: Store, desk: Desk, state_dir: Path) -> None:
    """What was seen, tried, undone, said, who got it, what they did, which mail did not go and why, how it ended."""
    number, escalation = escalated(store, desk)
    desk.ack(escalation, "anna")
    desk.note(escalation, f"the disk {ATTACK} is loose", "anna")
    store.close(number, Status.CLEARED, phase=4, fix_successful=None, resolution="it went away by itself")
    desk.went_away(number, "it went away by itself")
    lines = told(state_dir, number)
    expected = (
        "|seen|shop.service failed: main process exited with status 1",
        "|evidence gathered|[1] journal shop.service",
        "|phase 1 (quick fix) proposed|quick fix (runbook:start-after-a-crash): restart shop.service; it crashed",
        "|change begun|restart shop.service",
        "|change undone|restart shop.service",
        "|rolled back|the probe still fails: connection refused",
        "|experts answered|log-reader: propose restart shop.service; host-reader: propose restart shop.service; change-reader: person",
        "orchestrator|escalated|escalation 1, high: three phases found no fix: the experts disagree",
        "|mail not sent|problem: three phases found no fix: the experts disagree: mail is off",
        "anna|acknowledged|",
        "anna|note|the disk",
        "orchestrator|resolved|it went away by itself",
        "|went away|it went away by itself",
    )
    for line in expected:
        assert any(found.startswith(line) for found in lines), (line, lines)
    assert "mail is off in the configuration" in "\n".join(lines)
    assert not any(character in "".join(lines) for character in "\x1b\x07\x9b")


def test_decisions_and_windows_stand_in_it(store: Store, desk: Desk, state_dir: Path) -> None:
    """What was asked, edited or refused, what still waits for the daemon, and what covered it meanwhile."""
    number, escalation, proposal = asked(store, desk)
    store.pause("shop.service", until=time.time() + 3600, reason="moving", actor="bob")
    store.pause("other.service", until=time.time() + 3600, reason="none of its business", actor="bob")
    inbox = Inbox(state_dir)
    inbox.put("approve", {"escalation_id": escalation, "hash": "0" * 16}, "anna")
    Clicks(store, desk, Config()).take()
    inbox.put("approve", {"escalation_id": escalation, "hash": proposal.hash}, "anna")
    Clicks(store, desk, Config()).take()
    inbox.put("retry", {"task_id": number}, "anna")
    inbox.close()
    lines = told(state_dir, number)
    for line in (
        "orchestrator|asked (approval)|other.service holds port 8080. May this be done?: stop other.service; until 2",
        "anna|decision refused|approve: refused: the plan is not the one that was shown",
        "anna|approval approved|",
        f"anna|decision|approve: approved: stop other.service; incident {number} is looked at again",
        "anna|decision waits|retry: the daemon has not taken decision 3 up",
        "bob|maintenance begins|shop.service, until 2",
    ):
        assert any(found.startswith(line) for found in lines), (line, lines)
    assert "none of its business" not in "\n".join(lines)


def test_a_review_and_its_answer(store: Store, desk: Desk, state_dir: Path) -> None:
    """A question without an escalation is told too."""
    number = healed(store)
    review = desk.review(number, "files are hidden beneath the mount")
    desk.answer(review, "answered", "right", "anna")
    lines = told(state_dir, number)
    assert "orchestrator|asked (review)|files are hidden beneath the mount; until 2" in "\n".join(lines)
    assert "anna|review answered|right" in lines
    assert any(line.startswith("|healed|the check and all probes") for line in lines)


def test_an_escalation_whose_incident_is_gone_has_its_own_part(store: Store, desk: Desk, state_dir: Path) -> None:
    """Its notes and mails are told still."""
    number, escalation = escalated(store, desk)
    attempted(store, number, Outcome.NO_EFFECT, "nothing")
    store.ledger.run("DELETE FROM tasks")
    found = Reader(state_dir).escalation(escalation)
    assert found is not None
    assert [moment.what for moment in timeline(of_escalation(found))] == ["experts answered", "escalated", "mail not sent"]
