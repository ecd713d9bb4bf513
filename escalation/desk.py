"""The daemon's side of the desk: it escalates, asks, and sends the mail."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from escalation import tellings
from escalation.carrying import Carrying
from escalation.digest import Digest
from escalation.front import FILE_NAME, NOBODY, TEXT_CHARACTERS
from escalation.grouping import Grouping
from escalation.handoffs import Handoffs
from escalation.interventions import Interventions, hash_of, interventions_of
from escalation.letters import BODY_CHARACTERS, Letter
from escalation.migrations import escalations
from escalation.notices import Notices
from escalation.outbox import Outbox
from escalation.rendering import render
from escalation.retention import Retention
from escalation.text import one_line, plain
from escalation.words import Delivered, Escalation, Intervention, Kind, Mend, Post, TellingKind
from orchestrator.config import Config, Mail
from orchestrator.model import Incident, Json, Proposal, utc
from orchestrator.store import StoreFailed, mask
from orchestrator.store.base import as_json
from orchestrator.store.files import make_directory
from orchestrator.store.ledger import Ledger, looking, transaction
from orchestrator.store.recovering import PutBack
from orchestrator.store.rows import all_readable
from orchestrator.store.times import clock

log = logging.getLogger(__name__)

TITLE_CHARACTERS = 200
DEFAULT_QUESTION = "Take this over: the daemon does nothing more about it."
_QUESTIONS: dict[Kind, str] = {"decision": "Which of the experts' plans shall run, if any?"}
ACTOR = "orchestrator"

_NEWEST = """SELECT * FROM escalations WHERE id IN
(SELECT MAX(id) FROM escalations WHERE task_id IN (SELECT value FROM json_each(?)) GROUP BY task_id) ORDER BY id"""
"""Of each of these incidents."""


class Desk(Interventions, Handoffs, Carrying, Retention):
    """escalations.db, opened for writing and migrated. Safe to use from any thread."""

    def __init__(self, state_dir: Path, mail: Mail, host: str) -> None:
        """Raises StoreUnusable."""
        make_directory(state_dir)
        self.ledger = Ledger(state_dir / FILE_NAME, escalations, migrate=True)
        self.host = one_line(host, 100)
        self.post = Post(mail=mail)
        self.outbox = Outbox(self.ledger, host)
        self._grouping = Grouping(self, self.outbox, self.host)
        self._digest = Digest(state_dir, self.outbox, self.host)
        self._notices = Notices(self.outbox, self.host)

    def configure(self, config: Config) -> Self:
        """How people are told, from now on."""
        self.post = Post(mail=config.mail, notify=config.notify, link=config.dashboard.address)
        return self

    @transaction
    def escalate(
        self,
        incident: Incident,
        reason: str,
        *,
        body: str,
        kind: Kind = "escalation",
        question: str = "",
        proposal: Proposal | None = None,
        expires_at: float | None = None,
    ) -> int:
        """One open escalation per task: a second call adds its question or a note to the same. Returns its id.

        The escalation, the question and the mail are one transaction. A repeated call with nothing new changes nothing.
        """
        if kind == "review":
            raise ValueError("a review opens no escalation; Desk.review asks for one")
        reason, body = plain(mask(reason), TEXT_CHARACTERS), plain(mask(body), BODY_CHARACTERS)
        question = question or (_QUESTIONS.get(kind, DEFAULT_QUESTION) if proposal is None else "May this plan run?")
        self._end_handoffs(incident.id, "a person")
        known = self.open_for(incident.id)
        escalation = known or self._open(incident, reason, body, kind)
        asked = self._ask_once(escalation, kind, question, proposal, expires_at)
        if known is None:
            self._tell("problem", escalation)
        elif asked or reason != known.reason:
            told: dict[str, Any] = {"reason": reason, "body": body, "reminder": 0}  # the incident is live, and its own again
            if not known.severity_by:
                told["severity"] = incident.fault.severity.value
            self._tell("question" if asked else "note", self._change(known.id, ACTOR, reason, **told))
        return escalation.id

    def _open(self, incident: Incident, reason: str, body: str, kind: Kind) -> Escalation:
        fault = incident.fault
        told = {"title": one_line(mask(fault.message), TITLE_CHARACTERS) or fault.key, "reason": reason, "body": body}
        row = {"task_id": incident.id, "kind": kind, "severity": fault.severity.value, "created_at": utc(), **told}
        row |= {"fingerprint": incident.signature or fault.signature, "check_name": fault.check, "target": fault.target}
        new = self.ledger.insert("escalations", row)
        adopt = "UPDATE agent_consultations SET escalation_id = ? WHERE task_id = ? AND escalation_id IS NULL"
        self.ledger.run(adopt, (new, incident.id))
        self._taken_by_person(incident, new, reason)
        return self._change(new, ACTOR, reason)

    def _ask_once(
        self, escalation: Escalation, kind: Kind, question: str, proposal: Proposal | None, expires_at: float | None
    ) -> Intervention | None:
        """The new question; None when the same one waits for its answer already."""
        same = """SELECT 1 FROM interventions WHERE escalation_id = ? AND status = 'pending' AND kind = ? AND hash = ?
        AND (question = ? OR kind = 'escalation')"""
        asked = plain(mask(question), TEXT_CHARACTERS)
        options = self.options_now(escalation.task_id) if kind == "decision" else ()
        named = proposal.hash if proposal else hash_of(options)
        if self.ledger.row(same, (escalation.id, kind, named, asked)):
            return None
        new = self._ask(escalation.task_id, escalation.id, kind, question, proposal or options, expires_at)
        return interventions_of(self.ledger.rows("SELECT * FROM interventions WHERE id = ?", (new,)))[0]

    @transaction
    def expire(self, now: float) -> tuple[Intervention, ...]:
        """Permissions that ran out: the question expires, the case never does. What somebody has had for long enough is open again."""
        self._expire_acks(now)
        self.outbox.give_up(self.post)
        if self.post.off:
            self.ledger.run("UPDATE tellings SET status = 'not sent', why = ? WHERE status = 'waiting'", (self.post.off,))
        due = self.ledger.rows("SELECT * FROM interventions WHERE status = 'pending' AND expires_at <= ? ORDER BY expires_at", (utc(now),))
        for row in due:
            self.ledger.update("interventions", row["id"], {"status": "expired", "answered_at": utc(now)})
            if row["escalation_id"] is not None:
                said = f"nobody answered in time: {one_line(row['question'], 200)}"
                self._tell("expired", self._change(row["escalation_id"], ACTOR, said), said)
        return interventions_of([{**row, "status": "expired", "answered_at": utc(now)} for row in due])

    def _expire_acks(self, now: float) -> None:
        over = self.ledger.rows(
            "SELECT * FROM escalations WHERE status = 'acknowledged' AND acknowledged_until <= ? ORDER BY id", (utc(now),)
        )
        for row in over:
            said = f"{one_line(row['owner'], 100)} had it until {clock(row['acknowledged_until'])}, and nobody has it now"
            self._tell("reminder", self._change(row["id"], ACTOR, said, status="open", **NOBODY), said)

    @transaction
    def went_away(self, task_id: int, word: str, *, healed_in: int = 0) -> None:
        """The fault cleared, or was healed in that phase: its escalation is resolved with that word.

        A recovery mail goes out only if a mail about the problem did, or may have; else that one is kept as not sent, and why.
        """
        self._end_handoffs(task_id, "healed" if healed_in else "went away", healed_in=healed_in)
        found = self.open_for(task_id)
        if found is None or found.reminder:
            return
        ended = self._end(found.id, word, ACTOR)
        if tellings.reached(self.ledger, found.id):
            self._tell("recovery", ended, word)

    @looking
    def reconcile(self, escalated_task_ids: Sequence[int]) -> Mend:
        """Compare with the task rows that are waiting or escalated (`Store.with_person`)."""
        with_person = set(escalated_task_ids)
        newest = self.ledger.rows(_NEWEST, (as_json(sorted(with_person)),))
        known = {row["task_id"] for row in newest}
        open_now = self.ledger.rows("SELECT * FROM escalations WHERE status IN ('open', 'acknowledged') AND NOT reminder ORDER BY id")
        untold = [row for row in open_now if row["task_id"] not in with_person]
        closed = with_person - {row["task_id"] for row in open_now}
        resolved = [row for row in newest if row["task_id"] in closed]
        return Mend(
            untold=all_readable("escalation", untold, Escalation.model_validate),
            missing=tuple(sorted(with_person - known)),
            resolved=all_readable("escalation", resolved, Escalation.model_validate),
        )

    def deliver(self, now: float, *, at_once: bool = False) -> Delivered:
        """Compose what is due, and send it. Never raises: what does not go now goes later. `at_once`: no group is waited for."""
        if self.post.off:
            return Delivered()
        try:
            return self._deliver(now, at_once=at_once)
        except StoreFailed as error:
            log.warning("the outbox is left for later: %s", error)
            return Delivered()

    def _deliver(self, now: float, *, at_once: bool) -> Delivered:
        post, grouping = self.post, self._grouping
        pulse = grouping.pulse(post, now)
        if pulse.reminder:
            grouping.remind(now)
        composed = (pulse.reminder or pulse.tellings) and grouping.compose(post, now, at_once=at_once)
        digest = self._digest.put(post, now)
        if not (pulse.mails or composed or digest):
            return Delivered()
        return self.outbox.deliver(post, now, lambda place, now: grouping.again(post, place, now))

    def tell_spent(self, today: Json, now: float) -> bool:
        """That the models' budget of the day is spent (`Spending.spent_today`): once a day; whether it was new. Never raises."""
        return self._notices.spent(today, self.post, now)

    def tell_put_back(self, back: PutBack, now: float) -> bool:
        """That a damaged file was replaced by a copy: once; whether it was new. Never raises."""
        return self._notices.put_back(back, self.post, now)

    @transaction
    def test_mail(self) -> int:
        """Queue a mail that only says that mail works, past all grouping; returns its id."""
        subject = f"[{self.host}] TEST mail works"
        told = {"host": self.host, "at": utc()[:19], "to": self.post.mail.to, "subject": subject}
        letter = Letter(
            kind="test",
            subject=subject,
            body=render("test.txt.j2", **told),
            html=render("test.html.j2", **told),
            headers={"State": "TEST"},
        )
        return self.outbox.put(letter, self.outbox.places(self.post), time.time())

    def _tell(self, kind: TellingKind, escalation: Escalation, said: str = "") -> None:
        tellings.put(self.ledger, kind, escalation.id, said or escalation.reason, self.post.off)
