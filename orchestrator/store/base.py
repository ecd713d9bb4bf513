"""What every part of the store has: the ledger, and the audit."""

import json
from collections.abc import Callable
from typing import TypeVar

from orchestrator.model import Json, utc
from orchestrator.store import chain
from orchestrator.store.ledger import Ledger, transaction
from orchestrator.store.words import Stale

AT_ONCE = utc(0)
"""A `next_at` that is always past, whichever way the host's clock is set."""


T = TypeVar("T")

ITSELF = "orchestrator"
"""The daemon, as the audit knows who acted."""
LATEST = 253_402_300_799.0
"""9999-12-31: beyond it the text of a time would no longer sort."""


class Part:
    """One part of the store; `Store` is made of them and opens the ledger."""

    ledger: Ledger

    def together(self, body: Callable[[], T]) -> T:
        """The writes of `body`, all of them or none. It may run twice (after a full disk), so it changes nothing but rows."""
        return self.ledger.transact(body)

    @transaction
    def audit(self, actor: str, what: str, detail: Json) -> None:
        """Who did what: kept when incidents are not, and with what it tells of where it is called inside that transaction."""
        chain.append(self.ledger, actor, what, detail)

    def _live(self, task_id: int) -> Json:
        """The row, if it is live and an incident of its own. Raises Stale."""
        row = self.ledger.row("SELECT * FROM tasks WHERE id = ?", (task_id,))
        if row is None or row["resolved_at"] is not None or row["status"] == "merged":
            state = "gone" if row is None else row["status"]
            raise Stale(f"incident {task_id} moved on: it is {state}")
        return row

    def _cut_short(self, task_id: int, why: str) -> None:
        """An incident has one attempt at a time: one that is still without an ending counts as interrupted."""
        cut = self.ledger.run(
            "UPDATE attempts SET outcome = 'interrupted', ended_at = ?, detail = ? WHERE task_id = ? AND outcome IS NULL",
            (utc(), why, task_id),
        )
        if cut:
            self.audit(ITSELF, "outcome", {"incident": task_id, "outcome": "interrupted", "detail": why})

    def _change(self, task_id: int, **columns: object) -> None:
        """Set columns of a live incident of its own. Raises Stale."""
        self._live(task_id)
        self.ledger.update("tasks", task_id, columns)


def as_json(data: object) -> str:
    return json.dumps(data, separators=(",", ":"), default=str)


def stamp(at: float) -> str:
    """`utc` for a time that may be infinite: never, or the whole of time."""
    return utc(min(max(at, 0.0), LATEST))
