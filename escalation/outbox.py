"""The outbox: mails are rows that are written with what they tell of, and sent later, as often as it takes."""

import logging
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from escalation.rendering import render
from escalation.text import host_name, one_line, plain
from escalation.words import Delivered, MailKind
from orchestrator.config import Mail
from orchestrator.model import Json, utc
from orchestrator.store import StoreFailed
from orchestrator.store.ledger import Ledger, looking, transaction

if TYPE_CHECKING:
    from escalation.mail import Server

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 60.0
LAST_RETRY_SECONDS = 3600.0
LEASE_SECONDS = 300.0
"""A mail that was begun and never ended (its sender died) is due again after this: longer than any session with the server."""
SUMMARY_FROM = 10
"""So many mails due together go as one: after a long outage of the mail server, or in a storm."""
SUBJECT_CHARACTERS = 200
BODY_CHARACTERS = 60_000

_TO_GO = "status IN ('waiting', 'sending') AND next_at <= ?"


class Outbox:
    def __init__(self, ledger: Ledger, host: str) -> None:
        self.ledger = ledger
        self.host = host_name(host)

    @transaction
    def put(self, kind: MailKind, subject: str, body: str, *, escalation_id: int | None = None, at: str = "", off: bool = False) -> int:
        """Queue a mail for `at` (at once when empty). With `off` it is only written down: mail is switched off."""
        number = f"{escalation_id or kind}.{secrets.token_hex(6)}"
        row = {
            "escalation_id": escalation_id,
            "kind": kind,
            # Made once and kept: a mail that is sent twice, since a kill came between server and disk, is seen as one.
            "message_id": f"<escalation-{number}@{self.host}>",
            "subject": one_line(subject, SUBJECT_CHARACTERS),
            "body": plain(body, BODY_CHARACTERS),
            "created_at": utc(),
            "next_at": at or utc(),
        }
        unsent = {"status": "not sent", "last_error": "mail is off in the configuration"} if off else {}
        return self.ledger.insert("outbox", {**row, **unsent})

    @looking
    def told(self, escalation_id: int) -> bool:
        """Whether any mail of this escalation went out, or may have."""
        sent = "SELECT 1 FROM outbox WHERE escalation_id = ? AND status IN ('sent', 'sending', 'summed')"
        return self.ledger.row(sent, (escalation_id,)) is not None

    def deliver(self, mail: Mail, now: float) -> Delivered:
        """Send what is due. Never raises: a mail that does not go now goes later."""
        sent = failed = 0
        try:
            due = self._due(now) if mail.enabled else []
            if due:
                sent, failed = self._send_all(due, mail, now)
            return Delivered(sent=sent, failed=failed, waiting=self._waiting())
        except StoreFailed as error:
            log.warning("the outbox is left for later: %s", error)
            return Delivered(sent=sent, failed=failed)

    def _send_all(self, due: Sequence[Json], mail: Mail, now: float) -> tuple[int, int]:
        from escalation.mail import SendFailed, Server  # noqa: PLC0415  # a megabyte, paid by the first mail

        try:
            with Server(mail, self.host) as server:
                sent = [self._send(row, server, mail, now) for row in due]
        except SendFailed as error:  # no server: none of them was tried
            for row in due:
                self._put_off(row["id"], row["attempts"] + 1, str(error), now)
            log.warning("%d mails wait: %s", len(due), error)
            return 0, len(due)
        return sent.count(True), sent.count(False)

    def _send(self, row: Json, server: "Server", mail: Mail, now: float) -> bool | None:
        """Whether it was sent; None when it is no longer to go."""
        from escalation.mail import SendFailed, message_of  # noqa: PLC0415  # see above

        if not self._claim(row, now):
            return None
        try:
            refused = server.send(message_of(row, mail, self.host, self._thread(row)))
        except SendFailed as error:
            self._put_off(row["id"], row["attempts"] + 1, str(error), now)
            log.warning("mail %s waits: %s", row["id"], error)
            return False
        self._sent(row["id"], refused)
        return True

    @transaction
    def _due(self, now: float) -> list[Json]:
        due = self.ledger.rows(f"SELECT * FROM outbox WHERE {_TO_GO} ORDER BY id LIMIT 500", (utc(now),))  # noqa: S608 - a constant
        fresh = [row for row in due if row["kind"] not in ("summary", "test")]
        if len(fresh) < SUMMARY_FROM:
            return due
        body = render("summary.txt.j2", mails=fresh, host=self.host)
        summary = self.put("summary", f"[{self.host}] {len(fresh)} mails in one", body, at=utc(now))
        for row in fresh:
            self.ledger.update("outbox", row["id"], {"status": "summed", "summary_id": summary})
        return self.ledger.rows(f"SELECT * FROM outbox WHERE {_TO_GO} ORDER BY id", (utc(now),))  # noqa: S608 - a constant

    @transaction
    def _claim(self, row: Json, now: float) -> bool:
        """Mark it as on its way. False when somebody else has it, or there is nothing left to tell."""
        if why := self._obsolete(row):
            self.ledger.update("outbox", row["id"], {"status": "not sent", "last_error": why})
            return False
        claim = f"UPDATE outbox SET status = 'sending', attempts = attempts + 1, next_at = ? WHERE id = ? AND {_TO_GO}"  # noqa: S608
        return self.ledger.run(claim, (utc(now + LEASE_SECONDS), row["id"], utc(now))) == 1

    def _obsolete(self, row: Json) -> str:
        """Why nobody needs this mail any more; empty when somebody does."""
        escalation = self.ledger.row("SELECT status FROM escalations WHERE id = ?", (row["escalation_id"],))
        if row["kind"] == "recovery":
            return "" if self.told(row["escalation_id"]) else "no mail about the problem went out"
        return "the escalation was resolved before" if escalation and escalation["status"] == "resolved" else ""

    @transaction
    def _put_off(self, mail_id: int, attempts: int, why: str, now: float) -> None:
        wait = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10), LAST_RETRY_SECONDS)
        put_off = """UPDATE outbox SET status = 'waiting', attempts = ?, next_at = ?, last_error = ?
        WHERE id = ? AND status IN ('waiting', 'sending')"""
        self.ledger.run(put_off, (attempts, utc(now + wait), one_line(why, 500), mail_id))

    @transaction
    def _sent(self, mail_id: int, refused: str) -> None:
        self.ledger.update("outbox", mail_id, {"status": "sent", "sent_at": utc(), "last_error": one_line(refused, 500)})

    @looking
    def _thread(self, row: Json) -> str:
        """The Message-ID of the incident's first mail; empty when this is the first."""
        before = "SELECT message_id FROM outbox WHERE escalation_id = ? AND id < ? ORDER BY id LIMIT 1"
        first = self.ledger.row(before, (row["escalation_id"], row["id"]))
        return first["message_id"] if first else ""

    @looking
    def _waiting(self) -> int:
        return int(self.ledger.rows("SELECT COUNT(*) AS n FROM outbox WHERE status IN ('waiting', 'sending')")[0]["n"])
