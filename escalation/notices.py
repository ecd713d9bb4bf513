"""What a person is told once, and what belongs to no incident: the models' budget of the day is spent, a damaged file was replaced."""

import logging

from escalation.letters import Letter
from escalation.outbox import Outbox
from escalation.rendering import render
from escalation.text import one_line
from escalation.words import Post
from orchestrator.model import Json
from orchestrator.store import StoreFailed
from orchestrator.store.ledger import Ledger, looking, transaction
from orchestrator.store.recovering import PutBack
from orchestrator.store.times import clock

log = logging.getLogger(__name__)


class Notices:
    def __init__(self, outbox: Outbox, host: str) -> None:
        self.ledger: Ledger = outbox.ledger
        self.outbox = outbox
        self.host = host

    def spent(self, today: Json, post: Post, now: float) -> bool:
        """`today`: what `Spending.spent_today` says. Whether it was new, and put into the outbox; never raises."""
        name = f"budget {today['day']}"
        try:
            return not post.off and not self._is_put(name) and self._put(name, self._letter(today, post), post, now)
        except StoreFailed as error:
            log.warning("nobody was told yet that the models' budget is spent: %s", error)
            return False

    def put_back(self, back: PutBack, post: Post, now: float) -> bool:
        """A damaged file was replaced by a copy. Whether it was new; never raises."""
        name = f"put back {back.kept_as}"
        try:
            return not post.off and not self._is_put(name) and self._put(name, self._damage(back, post), post, now)
        except StoreFailed as error:
            log.warning("nobody was told yet that %s was damaged: %s", back.file, error)
            return False

    @looking
    def _is_put(self, name: str) -> bool:
        return self.ledger.row("SELECT 1 FROM mails WHERE period = ?", (name,)) is not None

    @transaction
    def _put(self, name: str, letter: Letter, post: Post, now: float) -> bool:
        """Its name is unique: over restarts too no day is told of twice."""
        if self._is_put(name):
            return False
        self.outbox.put(letter, self.outbox.places(post), now, period=name)
        return True

    def _damage(self, back: PutBack, post: Post) -> Letter:
        subject = f"[{self.host}] DAMAGED {back.file}: a copy took its place"
        said = {"why": one_line(back.why, 500), "lost_from": clock(back.lost_from), "lost_to": clock(back.lost_to)}
        told = {"host": self.host, "link": post.link, "subject": subject, "file": back.file, "kept_as": back.kept_as, **said}
        body, html = render("put_back.txt.j2", **told), render("put_back.html.j2", **told)
        return Letter(kind="digest", subject=subject, body=body, html=html, headers={"State": "DAMAGED"})

    def _letter(self, today: Json, post: Post) -> Letter:
        subject = f"[{self.host}] BUDGET what language models may cost a day is spent"
        told = {"host": self.host, "link": post.link, "subject": subject, "since": clock(today["since"])}
        told |= {"reason": one_line(today["reason"]), "calls": today["calls"], "dollars": today["dollars"], "tokens": today["tokens"]}
        body, html = render("budget.txt.j2", **told), render("budget.html.j2", **told)
        return Letter(kind="digest", subject=subject, body=body, html=html, headers={"State": "BUDGET"})
