"""When mails go: fifty faults are two mails, and who heals in time is told to nobody."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from escalation import Delivered, Desk
from orchestrator.config import Mail
from orchestrator.model import Severity
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident
from tests.store.made import a_proposal

USUAL = {"first_wait_seconds": 30, "group_seconds": 300, "repeat_seconds": 14_400, "per_hour": 20}
HOUR = 3600.0


@pytest.fixture
def mail(server: MailServer) -> Mail:
    """As an operator has it who has said nothing about times."""
    return server.mail(**USUAL)


class Clock:
    """The desk writes by the machine's clock; these times count from the first telling."""

    def __init__(self) -> None:
        self.zero = time.time()

    def __call__(self, seconds: float) -> float:
        return self.zero + seconds


@pytest.fixture
def at() -> Clock:
    return Clock()


def fates(desk: Desk, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in columns) for row in desk.ledger.rows("SELECT * FROM v_mails ORDER BY id")]


def test_fifty_faults_within_a_minute_are_two_mails(desk: Desk, postman: Postman, at: Clock) -> None:
    """The first after the first wait, the second with the rest after the group's; each fault is named in one of them."""
    for number in range(1, 31):
        desk.escalate(an_incident(number, f"u{number}.service failed"), "nothing left", body="")
    assert desk.deliver(at(29)) == Delivered()
    assert desk.deliver(at(31)) == Delivered(sent=1)
    for number in range(31, 51):
        desk.escalate(an_incident(number, f"u{number}.service failed"), "nothing left", body="")
    assert desk.deliver(at(70)) == desk.deliver(at(320)) == Delivered()
    assert desk.deliver(at(332)) == Delivered(sent=1)
    first, second = postman.texts()
    for number in range(1, 51):
        named = f"#{number} HIGH u{number}.service failed"
        assert (f"OPEN {named}" in first) == (number <= 30)
        assert (f"OPEN {named}" in second) == (number > 30)
    assert "50 stand open in all" in second


def test_what_follows_stays_in_the_thread_of_the_mail_that_told_it_first(desk: Desk, postman: Postman, at: Clock) -> None:
    """Also when that was a mail of many; a mail of several threads belongs to each."""
    for number in (1, 2):
        desk.escalate(an_incident(number), "nothing left", body="")
    desk.deliver(at(31))
    desk.escalate(an_incident(3), "nothing left", body="")
    desk.deliver(at(400))
    desk.went_away(2, "healed")
    desk.deliver(at(800))
    desk.went_away(1, "healed")
    desk.went_away(3, "healed")
    desk.deliver(at(1200))
    many, alone, second, both = postman.taken
    assert (many["References"], alone["References"]) == (None, None)
    assert second["References"] == second["In-Reply-To"] == many["Message-ID"]
    assert both["References"].split() == [many["Message-ID"], alone["Message-ID"]]
    assert [message["Subject"].split(" ", 1)[1][:11] for message in (second, both)] == ["RESOLVED #2", "2 RESOLVED:"]


@pytest.mark.parametrize(("word", "why"), [("healed: started it", "it was healed"), ("it went away by itself", "it was over")])
def test_what_is_over_within_the_first_wait_is_told_to_nobody(desk: Desk, postman: Postman, at: Clock, word: str, why: str) -> None:
    """No mail, and the row says why."""
    desk.escalate(an_incident(), "nothing left", body="")
    assert desk.deliver(at(10)) == Delivered()
    desk.went_away(1, word)
    assert desk.deliver(at(HOUR)) == Delivered()
    assert postman.taken == []
    assert fates(desk, "kind", "status", "last_error") == [("problem", "not sent", f"{why} before the first mail was due")]


def test_what_stands_is_reminded_of_in_one_mail(desk: Desk, postman: Postman, at: Clock) -> None:
    """Every four hours, until somebody has it; what is snoozed is left out, and 0 is never."""
    for number in range(1, 5):
        desk.escalate(an_incident(number, f"u{number} failed"), "nothing left", body="")
    desk.deliver(at(31))
    desk.ack(2, "eve")
    desk.snooze(3, at(100 * HOUR), "eve")
    assert desk.deliver(at(4 * HOUR)) == Delivered()
    assert desk.deliver(at(4 * HOUR + 40)) == Delivered(), "its first wait"
    assert desk.deliver(at(4 * HOUR + 80)) == Delivered(sent=1)
    assert desk.deliver(at(5 * HOUR)) == Delivered()
    reminder = postman.taken[1]
    assert (reminder["X-Orchestrator-Escalation"], reminder["References"]) == ("1, 4", postman.taken[0]["Message-ID"])
    assert "OPEN #1 HIGH u1 failed (for 4 h" in postman.texts()[1]
    desk.went_away(4, "healed")
    desk.deliver(at(6 * HOUR))
    desk.deliver(at(9 * HOUR))
    desk.deliver(at(9 * HOUR + 60))
    assert [message["X-Orchestrator-Escalation"] for message in postman.taken] == ["1, 2, 3, 4", "1, 4", "4", "1"]
    desk.post = desk.post.model_copy(update={"mail": desk.post.mail.model_copy(update={"repeat_seconds": 0})})
    desk.deliver(at(50 * HOUR))
    desk.deliver(at(51 * HOUR))
    assert len(postman.taken) == 4


def test_an_acknowledgement_that_ends_is_told(desk: Desk, postman: Postman, at: Clock) -> None:
    """It is open again, the timeline says so, and people are reminded in its thread."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(at(31))
    desk.ack(1, "eve", until=at(HOUR))
    desk.expire(at(HOUR - 1))
    assert desk.deliver(at(5 * HOUR)) == Delivered()
    desk.expire(at(5 * HOUR))
    found = desk.find(1)
    assert found is not None
    assert (found.status, found.owner, found.acknowledged_until) == ("open", "", None)
    assert "nobody has it now" in desk.ledger.rows("SELECT text FROM notes ORDER BY id DESC")[0]["text"]
    assert desk.deliver(at(6 * HOUR)).sent == 1
    assert "eve had it until" in postman.texts()[1]
    assert postman.taken[1]["References"] == postman.taken[0]["Message-ID"]


def test_somebody_who_takes_it_in_time_is_not_reminded(desk: Desk, postman: Postman, at: Clock) -> None:
    """The reminder was due, and is not sent."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(at(31))
    desk.deliver(at(5 * HOUR))
    desk.ack(1, "eve")
    assert desk.deliver(at(6 * HOUR)) == Delivered()
    assert len(postman.taken) == 1
    assert fates(desk, "kind", "status")[1] == ("reminder", "not sent")


def test_what_is_snoozed_is_told_when_that_ends(desk: Desk, postman: Postman, at: Clock) -> None:
    """What came meanwhile is not lost; that it is over is told at once, and only if the problem was."""
    desk.escalate(an_incident(1), "nothing left", body="")
    desk.escalate(an_incident(2), "nothing left", body="")
    desk.snooze(1, at(HOUR), "eve")
    desk.snooze(2, at(HOUR), "eve")
    desk.went_away(2, "healed")
    assert desk.deliver(at(HOUR - 1)) == Delivered()
    assert desk.deliver(at(HOUR + 1)) == Delivered(sent=1)
    desk.snooze(1, at(9 * HOUR), "eve")
    desk.went_away(1, "healed")
    assert desk.deliver(at(2 * HOUR)) == Delivered(sent=1)
    assert [message["X-Orchestrator-State"] for message in postman.taken] == ["OPEN", "RESOLVED"]


def test_more_mails_than_an_hour_may_have_wait_and_are_counted(desk: Desk, server: MailServer, postman: Postman, at: Clock) -> None:
    """Nothing is dropped: the next mail says for how many tellings it stands, and until then each says why it waits."""
    desk.post = desk.post.model_copy(update={"mail": server.mail(first_wait_seconds=0, group_seconds=0, per_hour=3, repeat_seconds=0)})
    for number in range(1, 10):
        desk.escalate(an_incident(number), "nothing left", body="")
        desk.deliver(at(number))
    assert len(postman.taken) == 3
    assert set(fates(desk, "status", "last_error")[3:]) == {("waiting", "no more than 3 mails go in an hour")}
    assert desk.test_mail()
    assert desk.deliver(at(20)).sent == 1, "a test is not counted"
    assert desk.deliver(at(HOUR + 20)) == Delivered(sent=1)
    assert "This mail stands for 6 tellings since" in postman.texts()[4]
    assert {status for (status,) in fates(desk, "status")} == {"sent"}


def test_run_once_waits_for_no_group(desk: Desk, postman: Postman, at: Clock) -> None:
    """The process will not be there when the wait is over."""
    desk.escalate(an_incident(), "nothing left", body="")
    assert desk.deliver(at(1)) == Delivered()
    assert desk.deliver(at(1), at_once=True) == Delivered(sent=1)
    assert len(postman.taken) == 1


def test_a_clock_that_was_set_back_holds_nothing_up(desk: Desk, postman: Postman, at: Clock) -> None:
    """Times that lie ahead are those of a wrong clock."""
    desk.escalate(an_incident(1), "nothing left", body="")
    desk.deliver(at(31))
    desk.ledger.run("UPDATE mails SET created_at = '2040-01-01 00:00:00.000'")
    desk.escalate(an_incident(2), "nothing left", body="")
    desk.ledger.run("UPDATE tellings SET created_at = '2040-01-01 00:00:00.000'")
    assert desk.deliver(at(32)) == Delivered(sent=1)
    assert len(postman.taken) == 2


def test_all_that_is_due_of_one_incident_is_one_mail(desk: Desk, postman: Postman, at: Clock) -> None:
    """A problem and its question within the wait: one mail that opens it, and asks."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.escalate(an_incident(severity=Severity.CRITICAL), "high risk", body="", kind="approval", proposal=a_proposal())
    assert desk.deliver(at(40)) == Delivered(sent=1)
    assert postman.taken[0]["Subject"] == "[web1] OPEN #1 CRITICAL web.service failed"
    assert "escalations approve 1" in postman.texts()[0]
    assert fates(desk, "kind", "status") == [("problem", "sent"), ("question", "sent")]


def test_an_escalation_that_cannot_be_read_is_not_told_for_ever(desk: Desk, postman: Postman, at: Clock) -> None:
    """Its row is damaged: that is said once for each reminder, and the others are told."""
    for number in (1, 2):
        desk.escalate(an_incident(number), "nothing left", body="")
    desk.ledger.run("UPDATE escalations SET version = 'x' WHERE id = 1")
    desk.deliver(at(31))
    for minute in range(0, 300, 10):
        desk.deliver(at(60 * minute))
    assert [message["X-Orchestrator-Escalation"] for message in postman.taken] == ["2", "2"]
    assert len(desk.ledger.rows("SELECT id FROM tellings")) == 4


@pytest.fixture
def old(state_dir: Path, mail: Mail) -> Iterator[Desk]:
    """A desk at which nothing is due, with many things that were."""
    with Desk(state_dir, mail, "web1") as desk:
        for number in range(1, 301):
            desk.escalate(an_incident(number), "nothing left", body="x" * 2000)
        desk.deliver(time.time() + 60)
        yield desk


def test_with_nothing_due_it_is_one_indexed_read(old: Desk, at: Clock) -> None:
    """For ever on every host: no write, no scan, and nothing imported."""
    plans: list[str] = []
    statements: list[str] = []
    old.ledger.db.conn.set_trace_callback(statements.append)
    assert old.deliver(at(120)) == Delivered()
    old.ledger.db.conn.set_trace_callback(None)
    for statement in statements:
        plans += [row["detail"] for row in old.ledger.rows(f"EXPLAIN QUERY PLAN {statement}")]
    assert len(statements) == 1
    assert not [step for step in plans if step.startswith("SCAN") and "CONSTANT" not in step], plans
