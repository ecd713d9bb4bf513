"""The outbox: composed mails on their way to each channel, as often as it takes, and never as if a second one were new."""

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from escalation import notify
from escalation.letters import Letter
from escalation.text import host_name, one_line
from escalation.words import Delivered, Post, SendFailed
from orchestrator.model import Json, utc
from orchestrator.store.ledger import Ledger, looking, transaction

if TYPE_CHECKING:
    from escalation.mail import Server

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 60.0
LAST_RETRY_SECONDS = 3600.0
LEASE_SECONDS = 300.0
"""A mail that was begun and never ended (its sender died) is due again after this: longer than any session with the server."""
AT_ONCE = 100
"""Mails of one delivery to one place."""
MAIL = "mail "
"""The mail channel as a place: a channel, and what the channel calls it."""
_SOMEWHERE = "notify "
"""Wherever the file of the URLs says, once it can be read."""

_TO_GO = "status IN ('waiting', 'sending') AND (next_at <= :now OR next_at > :never)"
"""A time that lies beyond every back-off is one of before the clock was set back."""
_WAITING = "status IN ('waiting', 'sending')"
"""As the index has it: without these very words a query that asks for one or the other reads all that ever went."""
_UNTRIED = "status = 'waiting' AND trouble IN ('', 'unreached')"
"""They surely never got to the server. Once it answers, all of them go, whenever their next turn would be."""

Regroup = Callable[[str, float], None]
"""Make one mail of those that wait for a place and surely never got there."""


class Outbox:
    def __init__(self, ledger: Ledger, host: str) -> None:
        self.ledger = ledger
        self.host = host_name(host)

    def put(
        self,
        letter: Letter,
        places: Sequence[str],
        now: float,
        *,
        thread: str = "",
        period: str | None = None,
        attempts: int = 0,
        since: str = "",
    ) -> int:
        """Part of a transaction. The mail is frozen from here on; returns its id.

        `attempts` and `since` are those of the mails that it stands for.
        """
        # Made once and kept: a mail that is sent twice, since a kill came between server and disk, is seen as one.
        message_id = f"<{letter.kind}-{secrets.token_hex(8)}@{self.host}>"
        row = letter.model_dump(exclude={"headers"}) | {"headers": json.dumps(letter.headers), "created_at": utc(now), "period": period}
        mail = self.ledger.insert("mails", {**row, "message_id": message_id, "thread": thread})
        for place in places:
            channel, _, name = place.partition(" ")
            way = {"mail_id": mail, "channel": channel, "place": name, "created_at": since or utc(now)}
            self.ledger.insert("outbox", {**way, "next_at": utc(now), "attempts": attempts})
        return mail

    def places(self, post: Post) -> list[str]:
        """Where a mail goes that is composed now."""
        places = [MAIL] if post.mail.enabled else []
        try:
            return [*places, *(f"notify {place}" for place in notify.urls_of(post.notify))]
        except SendFailed:
            return [*places, _SOMEWHERE]

    def deliver(self, post: Post, now: float, regroup: Regroup) -> Delivered:
        """Send what is due. Raises StoreFailed."""
        nothing = Delivered()
        mailed = self._by_mail(post, now, regroup) if post.mail.enabled and self._is_due("mail", now) else nothing
        notified = self._by_notify(post, now, regroup) if post.notify.urls_file and self._is_due("notify", now) else nothing
        return Delivered(sent=mailed.sent + notified.sent, failed=mailed.failed + notified.failed, waiting=self._waiting())

    def give_up(self, post: Post) -> None:
        """Part of a transaction. What waits for a channel that was switched off waits for nobody."""
        for channel, on in (("mail", post.mail.enabled), ("notify", post.notify.urls_file)):
            if not on:
                self.ledger.run(
                    """UPDATE outbox SET status = 'not sent', last_error = ? || last_error
                    WHERE status IN ('waiting', 'sending') AND status = 'waiting' AND channel = ?""",
                    (f"[{channel}] was switched off; before that: ", channel),
                )

    # ---- by mail -----------------------------------------------------------------------------------------------------

    def _by_mail(self, post: Post, now: float, regroup: Regroup) -> Delivered:
        from escalation.mail import Server  # noqa: PLC0415  # a megabyte, paid by the first mail

        try:
            with Server(post.mail, self.host) as server:
                regroup(MAIL, now)
                sent = [self._send(row, server, post, now) for row in self._to_send("mail", now)]
        except SendFailed as error:  # no server: none of them was tried
            waiting = self._put_all_off("mail", error, now)
            log.warning("%d mails wait: %s", waiting, error)
            return Delivered(failed=waiting)
        return Delivered(sent=sent.count(True), failed=sent.count(False))

    def _send(self, row: Json, server: "Server", post: Post, now: float) -> bool | None:
        """Whether it was sent; None when somebody else has it."""
        from escalation.mail import message_of  # noqa: PLC0415  # see above

        if not self._claim(row["id"], now):
            return None
        try:
            refused = server.send(message_of(row, post.mail, self.host))
        except SendFailed as error:
            self._put_off(row["id"], row["attempts"] + 1, error, now)
            log.warning("mail %s waits: %s", row["mail_id"], error)
            return False
        self._sent(row["id"], refused)
        return True

    # ---- by other channels ---------------------------------------------------------------------------------------------

    def _by_notify(self, post: Post, now: float, regroup: Regroup) -> Delivered:
        try:
            urls = notify.urls_of(post.notify)
        except SendFailed as error:
            return Delivered(failed=self._put_all_off("notify", error, now))
        self._name_places(urls)
        for place in urls:
            regroup(f"notify {place}", now)
        rows = [row for row in self._to_send("notify", now) if self._claim(row["id"], now)]
        fates = notify.send([notify.Notice.of(row, urls[row["place"]]) for row in rows if row["place"] in urls])
        sent = failed = 0
        for row in rows:
            if row["place"] not in urls:
                self._unsent(row["id"], f"its line is no longer in {post.notify.urls_file}")
            elif trouble := fates[row["id"]]:
                failed += 1
                self._put_off(row["id"], row["attempts"] + 1, trouble, now)
                log.warning("mail %s waits for %s: %s", row["mail_id"], row["place"], trouble)
            else:
                sent += 1
                self._sent(row["id"], "")
        return Delivered(sent=sent, failed=failed)

    @transaction
    def _name_places(self, places: Iterable[str]) -> None:
        """Those that were put while the file could not be read."""
        unnamed = f"SELECT * FROM outbox WHERE channel = 'notify' AND place = '' AND {_WAITING} AND status = 'waiting'"  # noqa: S608 - a constant
        for row in self.ledger.rows(unnamed):
            self.ledger.run("DELETE FROM outbox WHERE id = ?", (row.pop("id"),))
            for place in places:
                self.ledger.insert("outbox", {**row, "place": place})

    # ---- rows --------------------------------------------------------------------------------------------------------

    @looking
    def _is_due(self, channel: str, now: float) -> bool:
        due = f"SELECT 1 FROM outbox WHERE {_TO_GO} AND channel = :channel LIMIT 1"  # noqa: S608 - a constant
        return self.ledger.row(due, _times(now) | {"channel": channel}) is not None

    @looking
    def _to_send(self, channel: str, now: float) -> list[Json]:
        to_send = f"""SELECT o.*, m.kind, m.message_id, m.thread, m.subject, m.body, m.html, m.headers, m.created_at AS composed_at
        FROM outbox AS o JOIN mails AS m ON m.id = o.mail_id
        WHERE channel = :channel AND {_WAITING} AND (({_TO_GO}) OR ({_UNTRIED})) ORDER BY o.mail_id LIMIT {AT_ONCE}"""  # noqa: S608 - constants
        return self.ledger.rows(to_send, _times(now) | {"channel": channel})

    @transaction
    def _claim(self, number: int, now: float) -> bool:
        """Mark it as on its way, before anybody hears of it. False when somebody else has it."""
        claim = f"""UPDATE outbox SET status = 'sending', attempts = attempts + 1, next_at = :lease
        WHERE id = :id AND (({_TO_GO}) OR ({_UNTRIED}))"""  # noqa: S608 - constants
        return self.ledger.run(claim, _times(now) | {"id": number, "lease": utc(now + LEASE_SECONDS)}) == 1

    @transaction
    def _put_off(self, number: int, attempts: int, error: SendFailed, now: float) -> None:
        self.ledger.run(
            """UPDATE outbox SET status = 'waiting', attempts = ?, next_at = ?, trouble = ?, last_error = ?
            WHERE id = ? AND status IN ('waiting', 'sending')""",
            (attempts, _after(attempts, now), error.trouble, one_line(error, 500), number),
        )

    @transaction
    def _put_all_off(self, channel: str, error: SendFailed, now: float) -> int:
        """Nobody is there: all that wait for it wait on together. Returns how many."""
        rows = self.ledger.rows(
            f"SELECT * FROM outbox WHERE channel = :channel AND {_WAITING} AND (({_TO_GO}) OR ({_UNTRIED}))",  # noqa: S608 - constants
            _times(now) | {"channel": channel},
        )
        attempts = max((row["attempts"] for row in rows), default=0) + 1
        for row in rows:
            unsure = row["status"] == "sending" or row["trouble"] == "unsure"  # who was sending it may have done so, and died
            why = {"trouble": "unsure" if unsure else row["trouble"] or error.trouble, "last_error": one_line(error, 500)}
            self.ledger.update("outbox", row["id"], {"status": "waiting", "attempts": attempts, "next_at": _after(attempts, now), **why})
        return len(rows)

    @transaction
    def _sent(self, number: int, refused: str) -> None:
        self.ledger.update("outbox", number, {"status": "sent", "sent_at": utc(), "trouble": "", "last_error": one_line(refused, 500)})

    @transaction
    def _unsent(self, number: int, why: str) -> None:
        self.ledger.update("outbox", number, {"status": "not sent", "last_error": one_line(why, 500)})

    @looking
    def _waiting(self) -> int:
        return int(self.ledger.rows("SELECT COUNT(*) AS n FROM outbox WHERE status IN ('waiting', 'sending')")[0]["n"])


def _times(now: float) -> Json:
    return {"now": utc(now), "never": utc(now + 2 * LAST_RETRY_SECONDS)}


def _after(attempts: int, now: float) -> str:
    return utc(now + min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10), LAST_RETRY_SECONDS))
