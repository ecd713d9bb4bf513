"""Moving: each method is one transaction on one live row that is no symptom; otherwise it raises Stale."""

import json
from collections.abc import Sequence

from orchestrator.masking import mask
from orchestrator.model import Fault, Handoff, Proposal, Scope, Status, utc
from orchestrator.store.base import AT_ONCE, Part, as_json, stamp
from orchestrator.store.incidents import fault_columns
from orchestrator.store.ledger import transaction
from orchestrator.store.rows import proposal_data
from orchestrator.store.words import Stale

HANDOFFS_KEPT = 20


class Moves(Part):
    @transaction
    def scope(self, task_id: int, scope: Scope) -> None:
        """What the incident may touch, from now on."""
        self._change(task_id, scope=scope.model_dump_json())

    @transaction
    def begin_phase(self, task_id: int, phase: int) -> None:
        """The row is being healed in `phase`; `started_at` is set the first time."""
        row = self._live(task_id)
        self._change(task_id, status="healing", phase=phase, started_at=row["started_at"] or utc(), waiting_for="")

    @transaction
    def wait(self, task_id: int, until: float, reason: str) -> None:
        """Not due before `until`; the status stays."""
        self._change(task_id, next_at=stamp(until), waiting_for=mask(reason))

    @transaction
    def wake(self) -> None:
        """Whatever waits is due: the clock was set, and says nothing of what it waited for."""
        self.ledger.run("UPDATE tasks SET next_at = ? WHERE resolved_at IS NULL AND next_at IS NOT NULL", (AT_ONCE,))

    @transaction
    def hand_off(self, task_id: int, handoff: Handoff) -> None:
        """The next phase has it, at once, with what this one found out."""
        row = self._live(task_id)
        handoffs = [*json.loads(row["handoffs"]), handoff.model_dump(mode="json")][-HANDOFFS_KEPT:]
        self._change(task_id, handoffs=as_json(handoffs), phase=min(row["phase"] + 1, 4), next_at=AT_ONCE, waiting_for="")

    @transaction
    def ask(self, task_id: int, reason: str) -> None:
        """A person is asked: waiting, and never due by itself."""
        self._cut_short(task_id, "a person is asked")
        self._change(task_id, status="waiting", next_at=None, waiting_for=mask(reason))

    @transaction
    def approve(self, task_id: int, proposal: Proposal, *, again_at: float | None = None) -> None:
        """Due at once with exactly this plan. `again_at`: it had its turn before, and has another from then on."""
        approved = as_json(proposal_data(proposal))
        again = {} if again_at is None else {"retried_at": stamp(again_at)}
        self._change(task_id, status="open", approved=approved, next_at=AT_ONCE, waiting_for="", absent_since=None, **again)

    @transaction
    def progress(self, task_id: int, fault: Fault) -> None:
        """The row's own fault is gone and `fault` is now its own, due at once in phase 1.

        A symptom or open row of that key goes into this one.
        """
        self._live(task_id)
        other = self.ledger.row("SELECT id, status FROM tasks WHERE key = ? AND resolved_at IS NULL AND id != ?", (fault.key, task_id))
        if other and other["status"] not in ("merged", "open"):
            raise Stale(f"incident {other['id']} has {fault.key} in hand itself: it is {other['status']}")
        if other:
            self.ledger.run("UPDATE tasks SET root_id = ? WHERE root_id = ? AND resolved_at IS NULL", (task_id, other["id"]))
            self.ledger.update("tasks", other["id"], {"status": "merged", "root_id": task_id, "resolved_at": utc(), "next_at": None})
        again = {"phase": 1, "next_at": AT_ONCE, "waiting_for": ""}
        self._change(task_id, **fault_columns(fault), **again, last_seen=utc(), absent_since=None)

    @transaction
    def close(self, task_id: int, status: Status, *, phase: int, fix_successful: bool | None, resolution: str) -> None:
        """The end: fixed, cleared or dismissed. Its symptoms are resolved with it. What a person once had was not healed without one."""
        at = utc()
        if self._live(task_id)["fix_successful"] == 0:
            fix_successful = False
        ended = {"status": status.value, "phase": phase, "resolved_at": at, "resolution": mask(resolution)}
        self._change(task_id, **ended, fix_successful=fix_successful, next_at=None, approved=None, waiting_for="")
        self.ledger.run("UPDATE tasks SET resolved_at = ? WHERE root_id = ? AND status = 'merged' AND resolved_at IS NULL", (at, task_id))

    @transaction
    def escalated(self, task_id: int, *, reason: str) -> None:
        """A person has it: phase 4, `fix_successful` 0, not due by itself; live until the fault goes away."""
        self._cut_short(task_id, "a person has it")
        self._change(task_id, status="escalated", phase=4, fix_successful=0, next_at=None, approved=None, waiting_for=mask(reason))

    @transaction
    def retry(self, task_id: int, phase: int, at: float) -> None:
        """Due again in `phase` at `at`; a row that waited for a person is open again."""
        row = self._live(task_id)
        status = "open" if row["status"] in ("waiting", "escalated") else row["status"]
        self._change(task_id, status=status, phase=phase, next_at=stamp(at), waiting_for="", absent_since=None)

    @transaction
    def anew(self, task_id: int, at: float) -> None:
        """On a person's word, from the beginning: a plan that had its turn before may have another."""
        self.retry(task_id, 1, at)
        self._change(task_id, retried_at=stamp(at))

    @transaction
    def release_symptoms(self, task_id: int, standing: Sequence[str]) -> tuple[int, ...]:
        """Symptoms whose key still stands become open incidents of their own; before or right after `close`."""
        rows = self.ledger.rows(
            """SELECT id, key FROM tasks AS symptom WHERE root_id = :root AND status = 'merged'
            AND (resolved_at IS NULL OR (resolved_at = (SELECT resolved_at FROM tasks WHERE id = :root)
                AND NOT EXISTS (SELECT 1 FROM tasks AS live WHERE live.key = symptom.key AND live.resolved_at IS NULL)))""",
            {"root": task_id},
        )
        released = [row["id"] for row in rows if row["key"] in standing]
        for row_id in released:
            again = {"status": "open", "root_id": None, "resolved_at": None, "phase": 1, "next_at": AT_ONCE, "opened_at": utc()}
            self.ledger.update("tasks", row_id, again)
        return tuple(released)
