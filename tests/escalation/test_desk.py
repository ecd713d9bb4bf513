"""One incident, one escalation: what the daemon writes down, asks and hears."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from escalation import Desk
from orchestrator.config import Mail
from orchestrator.model import Minute
from orchestrator.store import StoreFailed, StoreUnusable
from tests.escalation.made import an_incident
from tests.store.made import a_proposal

NOW = time.time()
PLAN = a_proposal()


def rows(desk: Desk, sql: str) -> list[dict[str, Any]]:
    return desk.ledger.rows(sql)


def ask(desk: Desk, **more: Any) -> int:
    return desk.escalate(an_incident(), "high risk", body="the story", **{"kind": "approval", "proposal": PLAN, **more})


def test_an_escalation_its_question_and_its_mail_are_one(desk: Desk) -> None:
    """Everything a person needs is there after one call, with the plan that was judged."""
    number = ask(desk, question="May I start it?", expires_at=NOW + 900)
    found = desk.find(number)
    assert found is not None
    assert (found.task_id, found.kind, found.severity, found.status, found.reason) == (1, "approval", "high", "open", "high risk")
    pending = desk.pending(1)
    assert pending is not None
    assert (pending.escalation_id, pending.question, pending.proposal, pending.hash) == (number, "May I start it?", PLAN, PLAN.hash)
    assert [mail["status"] for mail in rows(desk, "SELECT status FROM tellings")] == ["waiting"]


def test_a_repeated_call_with_nothing_new_changes_nothing(desk: Desk) -> None:
    """A daemon that died between the two files escalates again: no second question and no second mail."""
    number = ask(desk)
    before = desk.find(number)
    assert ask(desk) == number
    assert desk.find(number) == before
    counts = [len(rows(desk, f"SELECT id FROM {name}")) for name in ("escalations", "interventions", "tellings", "notes")]  # noqa: S608  # names
    assert counts == [1, 1, 1, 1]


def test_a_second_call_goes_into_the_open_escalation(desk: Desk) -> None:
    """Another question is asked in the same escalation, another reason noted, and each is told in the same thread."""
    number = ask(desk)
    assert desk.escalate(an_incident(), "nothing left", body="a longer story") == number
    assert desk.escalate(an_incident(), "the fault is worse", body="a longer story") == number
    found = desk.find(number)
    assert found is not None
    assert (found.reason, found.body, found.kind) == ("the fault is worse", "a longer story", "approval")
    assert [row["kind"] for row in rows(desk, "SELECT kind FROM interventions ORDER BY id")] == ["approval", "escalation"]
    assert [row["kind"] for row in rows(desk, "SELECT kind FROM tellings ORDER BY id")] == ["problem", "question", "note"]
    pending = desk.pending(1)
    assert pending is not None
    assert pending.kind == "approval", "what is asked comes before a plain hand-over"


def test_after_it_was_resolved_the_next_one_is_new(desk: Desk) -> None:
    """Unique while open, not for ever."""
    first = ask(desk)
    desk.resolve(first, "done", "eve")
    second = ask(desk)
    assert second != first
    assert desk.open_for(1) == desk.find(second)


def test_a_review_opens_no_escalation(desk: Desk) -> None:
    """A fix that a person should look at is a question without a ticket and without a mail."""
    desk.review(1, "it healed, but why?")
    assert rows(desk, "SELECT id FROM escalations") == rows(desk, "SELECT id FROM tellings") == []
    assert desk.pending(1) is None
    with pytest.raises(ValueError, match="opens no escalation"):
        desk.escalate(an_incident(), "x", body="", kind="review")


def test_a_question_is_answered_once(desk: Desk) -> None:
    """The first answer counts; who comes later is told so, and nothing changes."""
    number = ask(desk)
    pending = desk.pending(1)
    assert pending is not None
    assert desk.answer(pending.id, "approved", "go ahead", "eve")
    assert not desk.answer(pending.id, "rejected", "no!", "bob")
    assert desk.pending(1) is None
    (row,) = rows(desk, "SELECT status, answer, actor FROM interventions")
    assert row == {"status": "approved", "answer": "go ahead", "actor": "eve"}
    assert rows(desk, "SELECT text FROM notes ORDER BY id DESC LIMIT 1") == [{"text": "approval approved: go ahead"}]
    found = desk.find(number)
    assert found is not None
    assert found.status == "open"


def test_a_permission_expires_the_case_never(desk: Desk) -> None:
    """Too late is no approval; the escalation stays open, and a person is reminded once."""
    number = ask(desk, expires_at=NOW - 1)
    pending = desk.pending(1)
    assert pending is not None
    assert not desk.answer(pending.id, "approved", "", "eve")
    (expired,) = desk.expire(NOW)
    assert (expired.id, expired.status) == (pending.id, "expired")
    assert desk.expire(NOW) == ()
    found = desk.find(number)
    assert found is not None
    assert found.status == "open"
    assert [row["kind"] for row in rows(desk, "SELECT kind FROM tellings ORDER BY id")] == ["problem", "expired"]


def test_a_plan_that_was_tampered_with_cannot_be_approved(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """What is offered for approval is what was hashed, or nothing."""
    ask(desk)
    desk.ledger.run("UPDATE interventions SET proposal = replace(proposal, 'web.service', 'ssh.service')")
    pending = desk.pending(1)
    assert pending is not None
    assert pending.proposal is None
    assert "not the one that was asked about" in caplog.text
    desk.ledger.run("UPDATE interventions SET proposal = replace(proposal, 'start_unit', 'no_such_action')")
    pending = desk.pending(1)
    assert pending is not None
    assert pending.proposal is None


def test_a_fault_that_goes_away_resolves_its_escalation(desk: Desk) -> None:
    """The word is kept, the questions are withdrawn, and a mail that did not go yet is kept as not sent, and why."""
    number = ask(desk)
    desk.went_away(1, "it went away by itself")
    found = desk.find(number)
    assert found is not None
    assert (found.status, found.resolution) == ("resolved", "it went away by itself")
    assert rows(desk, "SELECT status FROM interventions") == [{"status": "withdrawn"}]
    (telling,) = rows(desk, "SELECT kind, status, why FROM tellings")
    assert telling == {"kind": "problem", "status": "not sent", "why": "it was over before the first mail was due"}
    desk.went_away(1, "again")
    assert desk.find(number) == found


def test_votes_are_kept_and_adopted(desk: Desk) -> None:
    """What the experts said before there was an escalation belongs to it once there is one, and what they say later, too."""
    voice = Minute(
        expert="sceptic", stance="person", reasoning="token=hunter2 in the log", confidence=0.4, evidence_ids=(1, 2), plan=PLAN.plan
    )
    desk.minutes(1, [voice])
    assert rows(desk, "SELECT escalation_id FROM agent_consultations") == [{"escalation_id": None}]
    number = ask(desk)
    desk.minutes(1, [voice])
    kept = rows(desk, "SELECT * FROM agent_consultations")
    assert [row["escalation_id"] for row in kept] == [number, number]
    assert kept[0]["reasoning"] == "token=[masked] in the log"
    assert (kept[0]["stance"], kept[0]["evidence_ids"], kept[0]["confidence"]) == ("person", "[1,2]", 0.4)
    assert kept[0]["plan"] == '[{"kind":"start_unit","unit":"web.service"}]'


def test_reconciling_tells_where_the_files_disagree(desk: Desk) -> None:
    """An escalation whose row was not told, a row without any, and one that a person resolved."""
    for number in (1, 2, 3):
        desk.escalate(an_incident(number), "x", body="")
    desk.resolve(3, "done by hand", "eve")
    mend = desk.reconcile([1, 3, 7])
    assert [found.task_id for found in mend.untold] == [2]
    assert mend.missing == (7,)
    assert [(found.task_id, found.resolution) for found in mend.resolved] == [(3, "done by hand")]
    assert desk.reconcile([1, 2]) == desk.reconcile([2, 1])
    assert desk.reconcile([1, 2]).untold == ()
    assert desk.reconcile([1, 2]).missing == ()


def test_what_was_resolved_long_ago_goes_and_what_is_open_stays(desk: Desk) -> None:
    """After the retention a resolved escalation is gone with its questions, notes and mails; an open one never is."""
    for number in (1, 2):
        desk.minutes(number, [Minute(expert="sceptic", stance="nothing")])
        desk.escalate(an_incident(number), "x", body="")
    desk.deliver(NOW)
    desk.resolve(1, "done", "eve")
    desk.review(3, "why?")
    desk.tidy(NOW)
    assert len(rows(desk, "SELECT id FROM escalations")) == 2
    for _ in range(2):
        desk.tidy(NOW + 100 * 86_400)
    for name in ("escalations", "interventions", "outbox", "agent_consultations"):
        assert len(rows(desk, f"SELECT id FROM {name}")) == 1, name  # noqa: S608  # names
    assert desk.open_for(2) is not None


def test_secrets_reach_neither_page_nor_mail(desk: Desk) -> None:
    """Whatever a phase or a person writes is masked before it is stored."""
    incident = an_incident(message="exec --password hunter2 failed")
    number = desk.escalate(incident, "DB_PASSWORD=hunter2", body="url postgres://u:hunter2@h/", question="api_key=hunter2?")
    desk.note(number, "I used password=hunter2", "eve")
    desk.resolve(number, "token: hunter2", "eve")
    desk.deliver(NOW)
    everything = str([rows(desk, f"SELECT * FROM {name}") for name in ("escalations", "interventions", "notes", "tellings", "mails")])  # noqa: S608  # names
    assert "hunter2" not in everything


def test_an_escalation_survives_kill_9_whole(state_dir: Path, mail: Mail) -> None:
    """Killed right after the call: escalation, question and mail are all there; killed before, none is."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        doomed = Desk(state_dir, mail, "web1")
        ask(doomed)
        doomed.ledger.db.conn.execute("BEGIN IMMEDIATE")
        doomed.ledger.insert("notes", {"escalation_id": 1, "at": "", "actor": "", "text": "half"})
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Desk(state_dir, mail, "web1") as desk:
        counts = [len(rows(desk, f"SELECT id FROM {name}")) for name in ("escalations", "interventions", "tellings", "notes")]  # noqa: S608  # names
    assert counts == [1, 1, 1, 1]


def test_a_desk_that_cannot_write_says_so(desk: Desk) -> None:
    """The daemon hears StoreFailed, and nothing was written by halves."""
    desk.ledger.db.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreFailed):
        ask(desk)
    assert desk.deliver(NOW).sent == 0
    desk.ledger.db.conn.execute("PRAGMA query_only = OFF")
    assert rows(desk, "SELECT id FROM escalations") == []


def test_a_file_that_is_no_database_is_told(state_dir: Path, mail: Mail) -> None:
    """The word names the file."""
    state_dir.mkdir()
    (state_dir / "escalations.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnusable, match=r"escalations\.db"):
        Desk(state_dir, mail, "web1")
