"""The desk's own words. Times are the text that the tables hold (UTC), except where seconds are said."""

from typing import Literal

from orchestrator.model import Proposal, Word

Kind = Literal["approval", "input", "decision", "review", "escalation"]
AnswerStatus = Literal["approved", "rejected", "answered", "withdrawn"]


class Escalation(Word):
    """A person takes an incident. `version` grows with every change: who acts says which one was seen."""

    id: int
    task_id: int
    title: str
    reason: str
    kind: Kind
    severity: str
    status: Literal["open", "acknowledged", "resolved"]
    owner: str = ""
    snoozed_until: str | None = None
    created_at: str
    resolved_at: str | None = None
    resolution: str = ""
    version: int


class Intervention(Word):
    """One question to a person. `proposal` is None where there is no plan, or it can no longer be read."""

    id: int
    escalation_id: int | None
    task_id: int
    kind: Kind
    question: str
    proposal: Proposal | None = None
    hash: str = ""
    expires_at: str | None = None
    status: Literal["pending", "approved", "rejected", "answered", "expired", "withdrawn"]
    answer: str = ""
    actor: str = ""
    created_at: str
    answered_at: str | None = None


class Mend(Word):
    """Where the two files disagree. The escalation is written first, so the task rows follow it."""

    untold: tuple[Escalation, ...] = ()
    """Open escalations whose task row does not say so."""
    missing: tuple[int, ...] = ()
    """Task rows that say so and have no escalation at all."""
    resolved: tuple[Escalation, ...] = ()
    """A person resolved it while the task row is still with that person."""


class Delivered(Word):
    """What one delivery of the outbox did; `waiting` are the mails that are still to go."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0
