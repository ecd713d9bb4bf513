"""The side of the desk where people stand: each act is a conditional update and needs no daemon."""

from pathlib import Path
from types import TracebackType
from typing import Self

from escalation.migrations import escalations
from escalation.text import one_line, plain
from escalation.words import Escalation
from orchestrator.model import Json, utc
from orchestrator.store import Stale, mask
from orchestrator.store.base import stamp
from orchestrator.store.ledger import Ledger, looking, transaction
from orchestrator.store.rows import readable

FILE_NAME = "escalations.db"
TEXT_CHARACTERS = 4000
"""Of a reason, a note, an answer or a resolution."""

STANDING = ("open", "acknowledged")


class FrontDesk:
    """escalations.db as the daemon made it; never migrates.

    Every act returns the new state, and raises Stale with the newer one when the escalation moved on: it is in another
    status than the act needs, or `version` is given and is no longer its version.
    """

    ledger: Ledger

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or another version did."""
        self.ledger = Ledger(state_dir / FILE_NAME, escalations, migrate=False)

    @looking
    def find(self, escalation_id: int) -> Escalation | None:
        row = self.ledger.row("SELECT * FROM escalations WHERE id = ?", (escalation_id,))
        return readable("escalation", row, Escalation.model_validate) if row else None

    @looking
    def open_for(self, task_id: int) -> Escalation | None:
        row = self.ledger.row("SELECT * FROM escalations WHERE task_id = ? AND status != 'resolved'", (task_id,))
        return readable("escalation", row, Escalation.model_validate) if row else None

    @transaction
    def ack(self, escalation_id: int, owner: str, *, version: int | None = None) -> Escalation:
        """`owner` has it."""
        owner = one_line(owner, 200)
        self._expect(escalation_id, ("open",), version)
        return self._change(escalation_id, owner, "acknowledged", status="acknowledged", owner=owner, acknowledged_at=utc())

    @transaction
    def unack(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        """Nobody has it."""
        self._expect(escalation_id, ("acknowledged",), version)
        return self._change(escalation_id, actor, "no longer acknowledged", status="open", owner="", acknowledged_at=None)

    @transaction
    def snooze(self, escalation_id: int, until: float, actor: str, *, version: int | None = None) -> Escalation:
        """No mail about it before `until` (seconds since the epoch), but one that it is over."""
        self._expect(escalation_id, STANDING, version)
        return self._change(escalation_id, actor, f"snoozed until {stamp(until)} UTC", snoozed_until=stamp(until))

    @transaction
    def note(self, escalation_id: int, text: str, actor: str) -> Escalation:
        self._expect(escalation_id, (*STANDING, "resolved"), None)
        return self._change(escalation_id, actor, text)

    @transaction
    def resolve(self, escalation_id: int, resolution: str, actor: str, *, version: int | None = None) -> Escalation:
        """Its questions are withdrawn, and mails that did not go yet stay unsent.

        Whether the fault still stands is for the caller to say.
        """
        self._expect(escalation_id, STANDING, version)
        return self._end(escalation_id, resolution, actor)

    @transaction
    def reopen(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        """Raises Stale also when the incident has a newer escalation that is not resolved."""
        found = self._expect(escalation_id, ("resolved",), version)
        if newer := self.open_for(found.task_id):
            raise Stale(f"incident {found.task_id} has escalation {newer.id} now, which is {newer.status}", newer)
        return self._change(
            escalation_id, actor, "reopened", status="open", owner="", resolved_at=None, resolution="", acknowledged_at=None
        )

    def close(self) -> None:
        """May be called twice."""
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _expect(self, escalation_id: int, allowed: tuple[str, ...], version: int | None) -> Escalation:
        found = self.find(escalation_id)
        if found is None:
            raise Stale(f"there is no escalation {escalation_id}")
        if found.status not in allowed or version not in (None, found.version):
            raise Stale(f"escalation {escalation_id} moved on: it is {found.status} (version {found.version})", found)
        return found

    def _change(self, escalation_id: int, actor: str, said: str, **columns: object) -> Escalation:
        """Set columns, one version on, and write down who did what."""
        self.ledger.run("UPDATE escalations SET version = version + 1 WHERE id = ?", (escalation_id,))
        if columns:
            self.ledger.update("escalations", escalation_id, columns)
        written = {"actor": one_line(actor, 200), "text": plain(mask(said), TEXT_CHARACTERS)}
        self.ledger.insert("notes", {"escalation_id": escalation_id, "at": utc(), **written})
        row: Json = self.ledger.rows("SELECT * FROM escalations WHERE id = ?", (escalation_id,))[0]
        return Escalation.model_validate(row)

    def _end(self, escalation_id: int, resolution: str, actor: str) -> Escalation:
        self.ledger.run(
            "UPDATE interventions SET status = 'withdrawn', answered_at = ?, actor = ? WHERE escalation_id = ? AND status = 'pending'",
            (utc(), one_line(actor, 200), escalation_id),
        )
        word = plain(mask(resolution), TEXT_CHARACTERS)
        self.ledger.run(
            "UPDATE outbox SET status = 'not sent', last_error = ? WHERE escalation_id = ? AND status = 'waiting'",
            (f"the escalation was resolved before: {word}"[:500], escalation_id),
        )
        ended = {"status": "resolved", "resolved_at": utc(), "resolution": word, "snoozed_until": None}
        return self._change(escalation_id, actor, f"resolved: {word}", **ended)
