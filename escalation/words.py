"""The desk's own words. Times are the text that the tables hold (UTC), except where seconds are said."""

from typing import Literal

from pydantic import SerializeAsAny

from orchestrator.config import Dashboard, Mail, Notify
from orchestrator.model import Action, Json, Proposal, Word, utc

Kind = Literal["approval", "input", "decision", "review", "escalation"]
AnswerStatus = Literal["approved", "rejected", "answered", "withdrawn"]
TellingKind = Literal["problem", "question", "note", "expired", "reminder", "recovery"]
APPROVED_SECONDS = 86_400.0
"""So long may an approved plan wait for its turn: for maintenance to end, or for a daemon that is stopped."""
State = Literal["OPEN", "ASKS", "UPDATE", "EXPIRED", "RESOLVED"]
"""The first word of a mail about an escalation, and of its subject."""


class Escalation(Word):
    """A person takes an incident. `version` grows with every change: who acts says which one was seen."""

    id: int
    task_id: int
    title: str
    reason: str
    kind: Kind
    """The first question's."""
    severity: str
    status: Literal["open", "acknowledged", "resolved"]
    owner: str
    snoozed_until: str | None
    created_at: str
    resolved_at: str | None
    resolution: str
    version: int
    body: str
    """The story as plain text, as it was when it was last told."""
    acknowledged_at: str | None
    told_at: str | None = None
    """When the last mail about it was composed."""
    acknowledged_until: str | None = None
    """Then it is open again; None is without an end."""
    looked_at: str | None = None
    """The first act of a person. Resolved without one: healed, and nobody looked."""
    looked_by: str = ""
    fingerprint: str = ""
    """The kind of fault, versioned, as it was when it was handed over."""
    severity_by: str = ""
    """The person whose word the severity is."""
    reminder: bool = False
    """Reopened after its incident was over: a person's own note."""
    check_name: str = ""
    target: str = ""
    updated_at: str = ""


class Option(Word):
    """One of the plans that the experts did not agree on."""

    hash: str
    plan: tuple[SerializeAsAny[Action], ...]
    experts: tuple[str, ...]
    """Who chose it, without knowing of each other."""
    reasons: tuple[str, ...] = ()
    confidence: float = 0.0
    """The surest one's."""
    evidence_ids: tuple[int, ...] = ()

    @property
    def sure(self) -> str:
        """`70 % sure`; empty where nobody was asked how sure he is."""
        return f"{100 * self.confidence:.0f} % sure" if self.confidence else ""


class Intervention(Word):
    """One question to a person. `proposal` is None where there is no plan, or it can no longer be read."""

    id: int
    escalation_id: int | None
    task_id: int
    kind: Kind
    question: str
    proposal: Proposal | None
    hash: str
    expires_at: str | None
    status: Literal["pending", "approved", "rejected", "answered", "expired", "withdrawn"]
    answer: str
    actor: str
    created_at: str
    answered_at: str | None
    options: tuple[Option, ...] = ()
    """What a person may choose among."""
    decided: tuple[SerializeAsAny[Action], ...] | None = None
    """The plan that a person wrote or chose in place of the one that was asked about."""
    decided_hash: str = ""


class Unknown(LookupError):
    """There is nothing of that number."""


class Unheard(Exception):
    """The hands could not be told what a person allows, so nothing was left for the daemon. The message says what to do."""


class StillStands(Exception):
    """What is to be called done stands still."""


class Mend(Word):
    """Where the two files disagree. The escalation is written first, so the task rows follow it."""

    untold: tuple[Escalation, ...] = ()
    """Open escalations whose task row does not say so: a live one is to be told, for a closed one the fault went away."""
    missing: tuple[int, ...] = ()
    """Task rows that say so and never had an escalation."""
    resolved: tuple[Escalation, ...] = ()
    """A person resolved it while the task row is still with that person."""


class Post(Word):
    """How people are told, and where links lead."""

    mail: Mail
    notify: Notify = Notify()
    link: str = Dashboard().address

    @property
    def off(self) -> str:
        """Why nobody is told of anything; empty when somebody is."""
        return "" if self.mail.enabled or self.notify.urls_file else "mail is off in the configuration"


class Delivered(Word):
    """What one delivery of the outbox did; `waiting` are the mails that are still to go."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0


class SendFailed(Exception):
    """A mail did not go: what was said against it, as one line."""

    def __init__(self, said: str, trouble: Literal["unreached", "refused", "unsure"]) -> None:
        """`trouble`: nobody was there; somebody said no; or nobody knows whether it was taken."""
        super().__init__(said)
        self.trouble = trouble


def state_of(row: Json) -> str:
    """An escalation's, as people speak of it: a snoozed one is that, whoever has it."""
    snoozed = row["status"] != "resolved" and row["snoozed_until"] and row["snoozed_until"] > utc()
    return "snoozed" if snoozed else str(row["status"])
