"""Marks: what the evidence of an incident was when a person got it, so that a change of it is noticed."""

from orchestrator.model import Word, epoch, utc
from orchestrator.store.base import Part
from orchestrator.store.ledger import looking, transaction


class Mark(Word):
    """Of one live incident that is with a person."""

    incident: int
    mark: str
    again: int
    """How often it was tried anew because its evidence had changed."""
    at: float
    """When it came to the person, or was tried anew, last."""


class Marks(Part):
    @transaction
    def set_mark(self, task_id: int, mark: str) -> None:
        """What its evidence is now, as a person gets it."""
        self.ledger.run(
            """INSERT INTO marks (task_id, mark, at) SELECT id, :mark, :at FROM tasks WHERE id = :id
            ON CONFLICT (task_id) DO UPDATE SET mark = :mark, at = :at""",
            {"id": task_id, "mark": mark, "at": utc()},
        )

    @transaction
    def tried_anew(self, task_id: int, mark: str) -> None:
        """Its evidence changed to this, and it is due again."""
        self.ledger.run("UPDATE marks SET mark = ?, again = again + 1, at = ? WHERE task_id = ?", (mark, utc(), task_id))

    @looking
    def marks(self) -> tuple[Mark, ...]:
        """Of the live incidents that are escalated, or wait for a person's word; the oldest first."""
        rows = self.ledger.rows(
            """SELECT marks.* FROM marks JOIN tasks ON tasks.id = task_id
            WHERE resolved_at IS NULL AND status IN ('escalated', 'waiting') ORDER BY marks.at"""
        )
        return tuple(Mark(incident=row["task_id"], mark=row["mark"], again=row["again"], at=epoch(row["at"])) for row in rows)
