"""A person's decision as a row: works beside the running daemon, and waits for a stopped one."""

from pathlib import Path
from typing import Literal

from orchestrator.model import Json, utc
from orchestrator.store.base import as_json
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction
from orchestrator.store.migrations import tasks
from orchestrator.store.words import StoreFailed

ARGS_CHARACTERS = 64_000
UNANSWERED = 1000
"""Decisions that may wait for the daemon; more than that is a program that runs wild."""


class Inbox(Keeper):
    """tasks.db as the daemon made it; never migrates. Close it after use."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or another version did."""
        self.ledger = Ledger(state_dir / "tasks.db", tasks, migrate=False)

    @transaction
    def put(self, verb: str, args: Json, actor: str, *, once: str = "") -> int:
        """Leave a decision for the daemon; returns the click's id. Raises StoreFailed.

        `once` is the caller's own name for it: the same name again is the same row.
        """
        if (known := self.left(once)) is not None:
            return known
        data = as_json(args)
        if len(data) > ARGS_CHARACTERS:
            raise StoreFailed(f"{verb}: {len(data)} characters are too much for one decision (at most {ARGS_CHARACTERS})")
        waiting = self.ledger.rows("SELECT COUNT(*) AS n FROM inbox WHERE answered_at IS NULL")[0]["n"]
        if waiting >= UNANSWERED:
            raise StoreFailed(f"{verb}: {waiting} decisions wait unanswered; is the daemon running?")
        return self.ledger.insert("inbox", {"at": utc(), "actor": actor[:200], "verb": verb[:100], "args": data, "once": once or None})

    @looking
    def left(self, once: str) -> int | None:
        """The decision that was left under this name."""
        row = self.ledger.row("SELECT id FROM inbox WHERE once = ?", (once,)) if once else None
        return int(row["id"]) if row else None

    @looking
    def result(self, click_id: int) -> str | None:
        """What the daemon made of it; None while it has not answered."""
        row = self.ledger.row("SELECT result FROM inbox WHERE id = ?", (click_id,))
        return row["result"] if row else None

    @looking
    def known(self, table: Literal["tasks", "patterns", "expert_memory", "windows"], number: int) -> Json | None:
        """The row that a decision is about."""
        return self.ledger.row(f"SELECT * FROM {table} WHERE id = ?", (number,))  # noqa: S608  # one of four words

    @looking
    def opened(self, click_id: int) -> int | None:
        """The window that a decision opened."""
        row = self.ledger.row("SELECT id FROM windows WHERE click_id = ?", (click_id,))
        return int(row["id"]) if row else None
