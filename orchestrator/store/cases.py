"""Reading: a row of `tasks` with all that belongs to it, as the Case that a phase sees."""

from collections.abc import Collection

from orchestrator.model import Attempt, Case, Fault, Json, Status, epoch
from orchestrator.store.base import Part, stamp
from orchestrator.store.ledger import looking
from orchestrator.store.rows import (
    all_readable,
    attempt_of,
    change_of,
    evidence_of,
    fault_of,
    handoffs_of,
    incident_of,
    proposal_of,
    readable,
    scope_of,
)
from orchestrator.store.words import Anomaly, Turn

_ANOMALIES = 100
EVIDENCE_SHOWN = 60
ATTEMPTS_SHOWN = 50

_SEVERITY_RANK = "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END"
_TURNS = f"""SELECT id AS incident, target, phase, waiting_for,
EXISTS (SELECT 1 FROM attempts WHERE task_id = tasks.id AND outcome IS NULL AND executed = 1) AS settling
FROM tasks WHERE resolved_at IS NULL AND status IN ('open', 'healing') AND root_id IS NULL AND next_at <= ?
ORDER BY {_SEVERITY_RANK}, detected_at, id"""  # noqa: S608 - a constant of this module
_NEXT = """SELECT id, next_at FROM tasks WHERE resolved_at IS NULL AND status IN ('open', 'healing') AND root_id IS NULL
AND next_at IS NOT NULL ORDER BY next_at"""
_UNENDED = """SELECT * FROM tasks WHERE resolved_at IS NULL AND status != 'merged'
AND id IN (SELECT task_id FROM attempts WHERE outcome IS NULL AND executed = 1) ORDER BY id"""
_SYMPTOMS = "SELECT * FROM tasks WHERE root_id = ? AND status = 'merged' AND (resolved_at IS NULL OR ?) ORDER BY id"
_EVIDENCE = f"SELECT * FROM (SELECT * FROM evidence WHERE task_id = ? ORDER BY id DESC LIMIT {EVIDENCE_SHOWN}) ORDER BY id"  # noqa: S608
_ATTEMPTS = f"SELECT * FROM (SELECT * FROM attempts WHERE task_id = ? ORDER BY id DESC LIMIT {ATTEMPTS_SHOWN}) ORDER BY id"  # noqa: S608


class Cases(Part):
    @looking
    def turns(self, now: float) -> tuple[Turn, ...]:
        """Roots that are open or healing and whose time has come: the most severe first, then the oldest. All: none may hide the last."""
        return tuple(Turn.model_validate(row) for row in self.ledger.rows(_TURNS, (stamp(now),)))

    @looking
    def next_due(self, besides: Collection[int] = ()) -> float | None:
        """When the next root, `besides` these, falls due; None when none will without an event or a person. 0.0 is at once."""
        return next((epoch(row["next_at"]) for row in self.ledger.rows(_NEXT) if row["id"] not in besides), None)

    @looking
    def case(self, task_id: int) -> Case | None:
        """Everything a phase sees of one incident; None when there is no such row, or its fault cannot be read."""
        row = self.ledger.row("SELECT * FROM tasks WHERE id = ?", (task_id,))
        return readable("incident", row, self._case) if row else None

    @looking
    def status(self, task_id: int) -> Status | None:
        """None when there is no such row."""
        row = self.ledger.row("SELECT status FROM tasks WHERE id = ?", (task_id,))
        return Status(row["status"]) if row else None

    @looking
    def unended(self) -> tuple[Case, ...]:
        """Live cases with an attempt whose changes were begun and that has no outcome: what a death left."""
        return all_readable("incident", self.ledger.rows(_UNENDED), self._case)

    @looking
    def anomalies(self) -> tuple[Anomaly, ...]:
        """All that stands wrong now, roots and symptoms, the oldest first."""
        rows = self.ledger.rows(
            f"""SELECT id, root_id AS root, check_name AS "check", target, severity, detected_at FROM tasks
            WHERE resolved_at IS NULL ORDER BY detected_at, id LIMIT {_ANOMALIES}"""  # noqa: S608 - a constant of this module
        )
        return tuple(Anomaly.model_validate({**row, "detected_at": epoch(row["detected_at"])}) for row in rows)

    @looking
    def live_targets(self) -> frozenset[str]:
        """What anything is wrong with now, whoever has it in hand."""
        return frozenset(row["target"] for row in self.ledger.rows("SELECT DISTINCT target FROM tasks WHERE resolved_at IS NULL"))

    @looking
    def with_person(self) -> tuple[int, ...]:
        """The live rows that are waiting or escalated, for the desk's `reconcile`."""
        rows = self.ledger.rows("SELECT id FROM tasks WHERE resolved_at IS NULL AND status IN ('waiting', 'escalated') ORDER BY id")
        return tuple(row["id"] for row in rows)

    @looking
    def known_to_person(self) -> tuple[int, ...]:
        """Those, and the live rows that are tried again on a person's word: an approved plan, a retry."""
        rows = self.ledger.rows(
            """SELECT id FROM tasks WHERE resolved_at IS NULL
            AND (status IN ('waiting', 'escalated') OR approved IS NOT NULL OR retried_at IS NOT NULL) ORDER BY id"""
        )
        return tuple(row["id"] for row in rows)

    def _case(self, row: Json) -> Case:
        return Case(
            incident=incident_of(row, self._symptoms(row)),
            scope=scope_of(row),
            evidence=all_readable("evidence", self.ledger.rows(_EVIDENCE, (row["id"],)), evidence_of),
            tried=all_readable("attempt", self.ledger.rows(_ATTEMPTS, (row["id"],)), self._attempt),
            handoffs=handoffs_of(row),
            approved=readable("approved plan of incident", row, lambda row: proposal_of(row["approved"])) if row["approved"] else None,
        )

    def _symptoms(self, row: Json) -> tuple[Fault, ...]:
        """Those that stand; of a closed incident, all that it ever had."""
        return all_readable("incident", self.ledger.rows(_SYMPTOMS, (row["id"], row["resolved_at"] is not None)), fault_of)

    def _attempt(self, row: Json) -> Attempt:
        changes = self.ledger.rows("SELECT * FROM changes WHERE attempt_id = ? ORDER BY id", (row["id"],))
        return attempt_of(row, all_readable("change", changes, change_of))
