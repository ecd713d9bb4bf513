"""Evidence, attempts and changes: what is on disk before anything moves."""

import json
from collections.abc import Sequence

from orchestrator.masking import mask
from orchestrator.model import Action, Before, Change, Evidence, Heal, Json, Outcome, Proposal, Verdict, digest, epoch, utc
from orchestrator.store.base import ITSELF, Part, as_json, stamp
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.rows import all_readable, change_of, plan_data
from orchestrator.store.words import Stale

HEALS_KEPT = 1000
UNDONE_KEPT = 200
_HEALS = """SELECT id, task_id, key, signature, plan, began_at, ended_at FROM attempts
WHERE outcome = 'healed' AND rule != 'approved' AND ended_at >= ? ORDER BY ended_at DESC, id DESC LIMIT ?"""
EVIDENCE_KEPT = 200
"""Observations kept of one incident, the newest."""
DETAIL_TOLD = 500
"""Characters of what came of it, in the audit; the attempt's own row has all."""


class Attempts(Part):
    @transaction
    def add_evidence(self, task_id: int, items: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """Store observations, secrets masked; returns them as stored, with their ids. Raises Stale when the incident is gone."""
        if self.ledger.row("SELECT 1 FROM tasks WHERE id = ?", (task_id,)) is None:
            raise Stale(f"incident {task_id} is gone")
        stored = tuple(self._store_evidence(task_id, item) for item in items)
        self.ledger.run(
            "DELETE FROM evidence WHERE task_id = ? AND id NOT IN (SELECT id FROM evidence WHERE task_id = ? ORDER BY id DESC LIMIT ?)",
            (task_id, task_id, EVIDENCE_KEPT),
        )
        return stored

    def _store_evidence(self, task_id: int, item: Evidence) -> Evidence:
        facts = {name: mask(value) for name, value in item.facts.items()}
        masked = item.model_copy(update={"text": mask(item.text)[:20_000], "facts": facts})
        row = {"task_id": task_id, "source": masked.source, "text": masked.text, "facts": as_json(facts), "at": utc(masked.at)}
        return masked.model_copy(update={"id": self.ledger.insert("evidence", row)})

    @transaction
    def begin_attempt(self, task_id: int, phase: int, proposal: Proposal, verdict: Verdict, now: float) -> int:
        """A proposal and the policy's answer, before anything is done. Raises Stale when the row is not live."""
        row = self._live(task_id)
        self._cut_short(task_id, "a later attempt began")
        proposed = {
            "proposer": proposal.proposer,
            "plan": as_json(plan_data(proposal.plan)),
            "hash": proposal.hash,
            "cause": mask(proposal.cause),
            "origin": proposal.origin,
            "evidence_ids": as_json(proposal.evidence_ids),
        }
        judged = {"verdict": verdict.answer, "rule": verdict.rule, "reason": mask(verdict.reason)}
        fault = {"key": row["key"], "signature": row["fingerprint"]}
        new = self.ledger.insert("attempts", {"task_id": task_id, "phase": phase, "began_at": utc(now), **proposed, **judged, **fault})
        self.audit(ITSELF, "verdict", {"incident": task_id, "attempt": new, "phase": phase, **_told(proposal, verdict)})
        return new

    @transaction
    def settle(self, attempt_id: int, *, ready_by: float | None = None, clean_since: float | None = None) -> None:
        """The two times of settling; both overwrite, None included. Raises Stale when the attempt has ended."""
        self._change_running(attempt_id, ready_by=_stamp_or_none(ready_by), clean_since=_stamp_or_none(clean_since))

    @transaction
    def end_attempt(self, attempt_id: int, outcome: Outcome, detail: str) -> None:
        """Raises Stale when it has ended already."""
        self._change_running(attempt_id, outcome=outcome.value, detail=mask(detail), ended_at=utc())
        self.audit(ITSELF, "outcome", {"attempt": attempt_id, "outcome": outcome.value, "detail": detail[:DETAIL_TOLD]})

    def _change_running(self, attempt_id: int, **columns: object) -> None:
        row = self.ledger.row("SELECT outcome FROM attempts WHERE id = ?", (attempt_id,))
        if row is None or row["outcome"] is not None:
            raise Stale(f"attempt {attempt_id} has ended: {row['outcome'] if row else 'it is gone'}")
        self.ledger.update("attempts", attempt_id, columns)

    @transaction
    def begin_change(self, attempt_id: int, n: int, action: Action, before: Before, above: int = -1) -> int:
        """The change is on disk as begun; only then may it be performed. The id is never used again.

        `above`: the last that the hands know. They remember those of a file that was lost, or was set back to a copy. Raises Stale
        where the attempt has ended, or its incident is none of its own any more.
        """
        self._change_running(attempt_id, executed=1)
        task = self.ledger.row("SELECT task_id FROM attempts WHERE id = ?", (attempt_id,))
        self._live(task["task_id"] if task else 0)  # it may just have become a symptom: then its root is healed instead
        described = {"action": action.model_dump_json(), "before": as_json(before)}
        last = self.ledger.row("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        new = max(last["seq"] if last else 0, above) + 1
        self.ledger.insert("changes", {"id": new, "attempt_id": attempt_id, "n": n, "begun_at": utc(), **described})
        said = {"kind": action.kind, "targets": action.targets(), "hash": digest(action.model_dump())}  # as the hands' record has it
        self.audit(ITSELF, "change begun", {"change": new, "attempt": attempt_id, **said})
        return new

    @transaction
    def change_done(self, change_id: int) -> None:
        """Raises Stale when it was done or undone before."""
        done = self.ledger.run("UPDATE changes SET done_at = ? WHERE id = ? AND done_at IS NULL AND undone_at IS NULL", (utc(), change_id))
        if not done:
            raise Stale(f"change {change_id} was done or undone before")
        self.audit(ITSELF, "change done", {"change": change_id})

    def performed(self, change_id: int, answer: Json) -> None:
        """What the hands answered."""
        if answer["ok"]:
            self.change_done(change_id)
        else:
            self.change_failed(change_id, answer)

    @transaction
    def change_failed(self, change_id: int, answer: Json, *, undoing: bool = False) -> None:
        """What the hands answered when they refused, or it went wrong; its row stays as it is, and the audit has it."""
        said = {"refused": bool(answer["refused"]), "detail": str(answer["detail"])[:DETAIL_TOLD]}
        self.audit(ITSELF, "undo failed" if undoing else "change failed", {"change": change_id, **said})

    @transaction
    def change_undone(self, change_id: int, span: Sequence[float] = ()) -> None:
        """`span`: when the hands began to take it back, and were through. Raises Stale when it was undone before."""
        began, ended = map(utc, span) if span else (None, utc())
        undone = "UPDATE changes SET undoing_at = ?, undone_at = ? WHERE id = ? AND undone_at IS NULL"
        if not self.ledger.run(undone, (began, ended, change_id)):
            raise Stale(f"change {change_id} was undone before")
        self.audit(ITSELF, "change undone", {"change": change_id})

    @looking
    def changes_since(self, since: float, key: str | None = None) -> int:
        """How many changes were begun since then, whatever became of them: for one fault's key, or on the host.

        What went beyond the plan brought back what ran before, and counts as part of its root's repair (law 6).
        """
        row = self.ledger.row(
            """SELECT COUNT(*) AS n FROM changes JOIN attempts ON attempts.id = attempt_id
            WHERE begun_at >= :since AND (:key IS NULL OR key = :key) AND n <= json_array_length(plan)""",
            {"since": utc(since), "key": key},
        )
        return int(row["n"]) if row else 0

    @looking
    def undone(self) -> tuple[Change, ...]:
        """The changes that were taken back last, oldest first."""
        rows = self.ledger.rows("SELECT * FROM changes WHERE undoing_at IS NOT NULL ORDER BY id DESC LIMIT ?", (UNDONE_KEPT,))
        return all_readable("change", reversed(rows), change_of)

    @looking
    def heals(self, since: float) -> tuple[Heal, ...]:
        """What was healed since then without a person's word, oldest first; the newest where there are too many."""
        rows = self.ledger.rows(_HEALS, (utc(since), HEALS_KEPT))
        return all_readable("attempt", reversed(rows), _heal_of)


def _told(proposal: Proposal, verdict: Verdict) -> Json:
    """What was proposed and what the policy said of it, for the audit."""
    plan = [{"kind": action.kind, "targets": action.targets()} for action in proposal.plan]
    return {"by": proposal.proposer, "plan": plan, "hash": proposal.hash, "verdict": verdict.answer, "rule": verdict.rule}


def _heal_of(row: Json) -> Heal:
    kinds = tuple(str(action["kind"]) for action in json.loads(row["plan"]))
    times = {"began_at": epoch(row["began_at"]), "healed_at": epoch(row["ended_at"])}
    return Heal(incident=row["task_id"], key=row["key"], signature=row["signature"], plan=kinds, **times)


def _stamp_or_none(at: float | None) -> str | None:
    return None if at is None else stamp(at)
