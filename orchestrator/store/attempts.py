"""Evidence, attempts and changes: what is on disk before anything moves."""

from collections.abc import Sequence

from orchestrator.model import Action, Before, Evidence, Outcome, Proposal, Verdict

EVIDENCE_KEPT = 200
"""Observations kept of one incident, the newest."""


class Attempts:
    def add_evidence(self, task_id: int, items: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """Store observations, secrets masked; returns them as stored, with their ids."""
        raise NotImplementedError

    def begin_attempt(self, task_id: int, phase: int, proposal: Proposal, verdict: Verdict, now: float) -> int:
        """A proposal and the policy's answer, before anything is done. Raises Stale when the row is not live."""
        raise NotImplementedError

    def settle(self, attempt_id: int, *, ready_by: float | None = None, clean_since: float | None = None) -> None:
        """The two times of settling; both overwrite, None included. Raises Stale when the attempt has ended."""
        raise NotImplementedError

    def end_attempt(self, attempt_id: int, outcome: Outcome, detail: str) -> None:
        """Raises Stale when it has ended already."""
        raise NotImplementedError

    def begin_change(self, attempt_id: int, n: int, action: Action, before: Before) -> int:
        """The change is on disk as begun; only then may it be performed. The id is never used again."""
        raise NotImplementedError

    def change_done(self, change_id: int) -> None:
        """Raises Stale when it was done or undone before."""
        raise NotImplementedError

    def change_undone(self, change_id: int) -> None:
        """Raises Stale when it was undone before."""
        raise NotImplementedError

    def changes_since(self, since: float, key: str | None = None) -> int:
        """How many changes were begun since then, whatever became of them: for one fault's key, or on the host."""
        raise NotImplementedError
