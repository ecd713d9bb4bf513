"""A file of an earlier version goes on where it was."""

import time
from pathlib import Path

from sqlite_utils import Database

from escalation import Desk
from escalation.migrations import escalations
from orchestrator.config import Mail
from orchestrator.model import utc
from tests.escalation.conftest import Postman

NOW = time.time() + 86_400


def an_old_file(path: Path) -> None:
    """As it was when each telling was a mail: one went, one is on its way, one waits, one was not sent, two went as one."""
    path.parent.mkdir()
    db = Database(path)
    escalations.apply(db, stop_before="m005_mails")
    for number in range(1, 7):
        db.table("escalations").insert(
            {"id": number, "task_id": number, "title": f"u{number} failed", "reason": "x", "kind": "escalation", "severity": "high",
             "created_at": utc()}
        )  # fmt: skip
    for number, status in enumerate(("sent", "sending", "waiting", "not sent", "summed", "summed"), 1):
        row = {"id": number, "escalation_id": number, "kind": "problem", "message_id": f"<{number}@web1>", "subject": f"OPEN #{number}"}
        times = {"created_at": utc(), "next_at": utc(), "status": status, "summary_id": 7 if status == "summed" else None}
        db.table("outbox").insert({**row, **times, "body": "b", "last_error": "mail is off" if status == "not sent" else ""})
    row = {"id": 7, "kind": "summary", "message_id": "<7@web1>", "subject": "2 mails in one", "body": "b", "status": "sent"}
    db.table("outbox").insert({**row, "created_at": utc(), "next_at": utc(), "sent_at": utc()})
    db.close()


def test_mails_of_an_earlier_version_are_not_lost_and_not_told_again(state_dir: Path, mail: Mail, postman: Postman) -> None:
    """What went has gone; what was under way goes as it was; what waited is composed; later mails find their thread."""
    an_old_file(state_dir / "escalations.db")
    with Desk(state_dir, mail, "web1") as desk:
        fates = desk.ledger.rows("SELECT escalation_id, status, last_error FROM v_mails ORDER BY escalation_id")
        assert [row["status"] for row in fates] == ["sent", "sending", "waiting", "not sent", "sent", "sent"]
        assert fates[3]["last_error"] == "mail is off"
        assert desk.deliver(NOW).sent == 2
        assert {message["Subject"] for message in postman.taken} == {"OPEN #2", "[web1] OPEN #3 HIGH u3 failed"}
        desk.went_away(5, "healed")
        desk.deliver(NOW)
        assert postman.taken[2]["References"] == "<7@web1>"
        assert [desk.find(number).told_at is None for number in (1, 4)] == [False, True]  # type: ignore[union-attr]
