"""The daemon's side of the desk: it escalates, asks, and sends the mail."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from escalation.front import FILE_NAME, TEXT_CHARACTERS
from escalation.interventions import Interventions, hash_of, interventions_of
from escalation.migrations import escalations
from escalation.outbox import BODY_CHARACTERS, Outbox
from escalation.rendering import local_time, render
from escalation.retention import Retention
from escalation.text import one_line, plain
from escalation.words import Delivered, Escalation, Intervention, Kind, MailKind, Mend
from orchestrator.config import Mail
from orchestrator.model import Incident, Json, Proposal, epoch, utc
from orchestrator.store import mask
from orchestrator.store.files import make_directory
from orchestrator.store.ledger import Ledger, looking, transaction
from orchestrator.store.rows import all_readable
from orchestrator.store.times import lasting

TITLE_CHARACTERS = 200
STATES: dict[MailKind, str] = {
    "problem": "OPEN",
    "question": "ASKS",
    "note": "UPDATE",
    "reminder": "EXPIRED",
    "recovery": "RESOLVED",
    "test": "TEST",
}
"""The first word of a mail, and of its subject."""
DEFAULT_QUESTION = "Take this over: the daemon does nothing more about it."
_QUESTIONS: dict[Kind, str] = {"decision": "The experts do not agree: which of their plans shall run?"}
ACTOR = "orchestrator"


class Desk(Interventions, Retention):
    """escalations.db, opened for writing and migrated. Safe to use from any thread."""

    def __init__(self, state_dir: Path, mail: Mail, host: str) -> None:
        """Raises StoreUnusable. `mail` is an attribute: assign it when the configuration was read again."""
        make_directory(state_dir)
        self.ledger = Ledger(state_dir / FILE_NAME, escalations, migrate=True)
        self.mail = mail
        self.host = one_line(host, 100)
        self.outbox = Outbox(self.ledger, host)

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
        known = self.open_for(incident.id)
        escalation = known or self._open(incident, reason, body, kind)
        asked = self._ask_once(escalation, kind, question, proposal, expires_at)
        if known is None:
            self._mail("problem", escalation, asked)
        elif asked or reason != known.reason:
            told = {"reason": reason, "body": body}
            if not known.severity_by:
                told["severity"] = incident.fault.severity.value
            self._mail("question" if asked else "note", self._change(known.id, ACTOR, reason, **told), asked)
        return escalation.id

    def _open(self, incident: Incident, reason: str, body: str, kind: Kind) -> Escalation:
        fault = incident.fault
        told = {"title": one_line(mask(fault.message), TITLE_CHARACTERS) or fault.key, "reason": reason, "body": body}
        row = {"task_id": incident.id, "kind": kind, "severity": fault.severity.value, "created_at": utc(), **told}
        row["fingerprint"] = incident.signature or fault.signature
        new = self.ledger.insert("escalations", row)
        adopt = "UPDATE agent_consultations SET escalation_id = ? WHERE task_id = ? AND escalation_id IS NULL"
        self.ledger.run(adopt, (new, incident.id))
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
        """Permissions that ran out: the question expires, the case never does; a reminder goes out."""
        due = self.ledger.rows("SELECT * FROM interventions WHERE status = 'pending' AND expires_at <= ? ORDER BY id", (utc(now),))
        for row in due:
            self.ledger.update("interventions", row["id"], {"status": "expired", "answered_at": utc(now)})
            if row["escalation_id"] is not None:
                said = f"nobody answered in time: {one_line(row['question'], 200)}"
                self._mail("reminder", self._change(row["escalation_id"], ACTOR, said), None, said)
        return interventions_of([{**row, "status": "expired", "answered_at": utc(now)} for row in due])

    @transaction
    def went_away(self, task_id: int, word: str) -> None:
        """The fault cleared or was healed: its escalation is resolved with that word.

        A recovery mail goes out only if a mail about the problem did, or may have; else that one is kept as not sent, and why.
        """
        found = self.open_for(task_id)
        if found is None:
            return
        ended = self._end(found.id, word, ACTOR)
        if self.outbox.told(found.id):
            self._mail("recovery", ended, None, word)

    @looking
    def reconcile(self, escalated_task_ids: Sequence[int]) -> Mend:
        """Compare with the task rows that are waiting or escalated (`Store.with_person`)."""
        with_person = set(escalated_task_ids)
        newest = self.ledger.rows("SELECT * FROM escalations WHERE id IN (SELECT MAX(id) FROM escalations GROUP BY task_id) ORDER BY id")
        known = {row["task_id"] for row in newest}
        open_now = self.ledger.rows("SELECT * FROM escalations WHERE status != 'resolved' AND NOT reminder ORDER BY id")
        untold = [row for row in open_now if row["task_id"] not in with_person]
        closed = with_person - {row["task_id"] for row in open_now}
        resolved = [row for row in newest if row["task_id"] in closed]
        return Mend(
            untold=all_readable("escalation", untold, Escalation.model_validate),
            missing=tuple(sorted(with_person - known)),
            resolved=all_readable("escalation", resolved, Escalation.model_validate),
        )

    def deliver(self, now: float) -> Delivered:
        """Send what is due. Never raises: a mail that does not go now goes later."""
        return self.outbox.deliver(self.mail, now)

    def test_mail(self) -> int:
        """Queue a mail that only says that mail works; returns its id in the outbox."""
        body = render("test.txt.j2", host=self.host, at=utc()[:19], to=self.mail.to)
        return self.outbox.put("test", f"[{self.host}] TEST mail works", body, off=not self.mail.enabled)

    def _mail(self, kind: MailKind, escalation: Escalation, asked: Intervention | None, reason: str = "") -> None:
        began = epoch(escalation.created_at)
        lasted = lasting(time.time() - began) if kind in ("reminder", "recovery") else ""
        state = STATES[kind]
        title = one_line(escalation.title, 100) + (f" (after {lasted})" if kind == "recovery" else "")
        body = render(
            "mail.txt.j2",
            **escalation.model_dump(include={"id", "task_id", "severity", "title", "body"}),
            **_question_of(asked),
            state=state,
            kind=kind,
            host=self.host,
            reason=reason or escalation.reason,
            created_at=escalation.created_at[:19],
            local_time=local_time(began),
            lasted=lasted,
            votes=self._votes(escalation.id) if kind in ("problem", "question") else (),
        )
        self.outbox.put(
            kind,
            f"[{self.host}] {state} #{escalation.id} {escalation.severity.upper()} {title}",
            body,
            escalation_id=escalation.id,
            at="" if kind == "recovery" else (escalation.snoozed_until or ""),
            off=not self.mail.enabled,
        )

    def _votes(self, escalation_id: int) -> list[Json]:
        votes = "SELECT * FROM (SELECT * FROM agent_consultations WHERE escalation_id = ? ORDER BY id DESC LIMIT 12) ORDER BY id"
        return self.ledger.rows(votes, (escalation_id,))


def _question_of(asked: Intervention | None) -> dict[str, Any]:
    if asked is None:
        return {"question": "", "asks": "", "plan": (), "plan_hash": "", "expires_at": ""}
    return {
        "question": asked.question,
        "asks": asked.kind,
        "plan": asked.proposal.plan if asked.proposal else (),
        "plan_hash": asked.hash,
        "expires_at": (asked.expires_at or "")[:19],
    }
