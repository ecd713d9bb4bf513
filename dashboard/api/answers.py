"""What the calls answer, as far as programs may rely on it. Rows carry all their columns; what is named here stays."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from escalation.acts import Done
from escalation.timeline import Moment
from orchestrator.model import Json


class Row(BaseModel):
    """Columns of a table; times are UTC, `YYYY-MM-DD HH:MM:SS.SSS`."""

    model_config = ConfigDict(extra="allow")


class EscalationRow(Row):
    id: int
    task_id: int
    title: str
    reason: str
    kind: str
    severity: str
    status: str
    owner: str
    created_at: str
    resolved_at: str | None
    version: int


class IncidentRow(Row):
    id: int
    fingerprint: str
    check_name: str
    target: str
    title: str
    severity: str
    status: str
    phase: int
    fix_successful: int | None
    occurrences: int
    detected_at: str
    resolved_at: str | None


class PatternRow(Row):
    id: int
    signature: str
    plan: list[Json]
    stage: str
    wins: int
    losses: int
    relapses: int
    origin: str
    created_at: str


class ExpertRow(Row):
    name: str
    role: str
    about: str
    asked: int
    failed: int
    asked_at: str | None
    memories: int
    wins: int
    losses: int


class MemoryRow(Row):
    id: int
    expert: str
    check_name: str
    target: str
    service: str
    signature: str
    stance: str
    kinds: list[str]
    fact: str
    proved: str
    instead: list[str]
    task_id: int
    uses: int
    wins: int
    losses: int
    created_at: str
    verified_at: str
    expires_at: str


class CheckRow(Row):
    name: str
    state: str
    detail: str
    looked_at: str


class WindowRow(Row):
    id: int
    service: str
    reason: str
    actor: str
    until: str
    open: int


class DecisionRow(Row):
    id: int
    at: str
    actor: str
    verb: str
    args: Any
    result: str | None
    answered_at: str | None


class AuditRow(Row):
    id: int
    at: str
    actor: str
    what: str


class Escalations(Row):
    rows: list[EscalationRow]
    total: int
    next: str
    """`after` of the next page; empty on the last."""
    counts: dict[str, int]


class Incidents(Row):
    rows: list[IncidentRow]
    total: int
    next: str
    counts: dict[str, int]


class EscalationStory(Row):
    escalation: EscalationRow
    task: IncidentRow | None
    interventions: list[Row]
    notes: list[Row]
    timeline: list[Moment]


class IncidentStory(Row):
    task: IncidentRow
    symptoms: list[IncidentRow]
    attempts: list[Row]
    evidence: list[Row]
    minutes: list[Row]
    escalations: list[EscalationRow]
    interventions: list[Row]
    timeline: list[Moment]
    similar: list[Row]


class Patterns(Row):
    rows: list[PatternRow]


class PatternStory(Row):
    pattern: PatternRow
    preview: Row
    """The past incidents that it would have met."""


class Experts(Row):
    rows: list[ExpertRow]


class Memories(Row):
    rows: list[MemoryRow]


class Checks(Row):
    rows: list[CheckRow]


class Windows(Row):
    rows: list[WindowRow]


class Decisions(Row):
    rows: list[DecisionRow]


class Audit(Row):
    rows: list[AuditRow]


class Days(Row):
    rows: list[Row]


class Status(Row):
    daemon: Row | None
    tick_age_seconds: float | None
    why_dead: str
    """Why nobody watches the host; empty while somebody does."""
    incidents: dict[str, int]
    escalations: dict[str, int]
    decisions_waiting: int


class Numbers(Row):
    seven_days: Row | None
    all_time: Row | None


class Fate(Row):
    id: int
    done: Done | None
    problem: Json | None


class Fates(Row):
    results: list[Fate]
