"""The side of the desk where people stand: each act is a conditional update and needs no daemon."""

from collections.abc import Callable
from pathlib import Path

from escalation import tellings
from escalation.migrations import escalations
from escalation.text import one_line, plain
from escalation.words import Escalation, Unknown
from orchestrator.model import Json, Severity, utc
from orchestrator.store import Stale, mask
from orchestrator.store.base import as_json, stamp
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction
from orchestrator.store.rows import readable

FILE_NAME = "escalations.db"
TEXT_CHARACTERS = 4000
"""Of a reason, a note, an answer or a resolution."""

STANDING = ("open", "acknowledged")
EVER = (*STANDING, "resolved")


class FrontDesk(Keeper):
    """escalations.db as the daemon made it; never migrates.

    Every act returns the new state, and raises Stale with the newer one when the escalation moved on: it is in another
    status than the act needs, or `version` is given and is no longer its version. Raises Unknown when there is none.
    """

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

    @looking
    def question(self, intervention_id: int) -> Json:
        """The row of a question. Raises Unknown."""
        row = self.ledger.row("SELECT * FROM interventions WHERE id = ?", (intervention_id,))
        if row is None:
            raise Unknown(f"there is no question {intervention_id}")
        return row

    @transaction
    def ack(self, escalation_id: int, owner: str, *, until: float | None = None, version: int | None = None) -> Escalation:
        """`owner` has it, until then (seconds since the epoch; None is without an end)."""
        return self._move(escalation_id, owner, "acknowledged", "acknowledged", ("open",), version, **_had_by(owner, until))

    @transaction
    def unack(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        """Nobody has it."""
        return self._move(
            escalation_id, actor, "no longer acknowledged", "no longer acknowledged", ("acknowledged",), version, **NOBODY, status="open"
        )

    @transaction
    def assign(self, escalation_id: int, owner: str, actor: str, *, until: float | None = None, version: int | None = None) -> Escalation:
        """`owner` has it from now on, whoever had it before."""
        said = f"assigned to {one_line(owner, 200)}"
        return self._move(escalation_id, actor, "assigned", said, STANDING, version, **_had_by(owner, until))

    @transaction
    def severity(self, escalation_id: int, severity: Severity, actor: str, *, version: int | None = None) -> Escalation:
        """A person's word on how bad it is: it holds, whatever the fault says of itself."""
        said = {"severity": severity.value, "severity_by": one_line(actor, 200)}
        return self._move(escalation_id, actor, "severity", f"its severity is {severity}", STANDING, version, **said)

    @transaction
    def snooze(self, escalation_id: int, until: float, actor: str, *, version: int | None = None) -> Escalation:
        """No mail about it before `until` (seconds since the epoch), but one that it is over."""
        said = f"snoozed until {stamp(until)} UTC"
        return self._move(escalation_id, actor, "snoozed", said, STANDING, version, snoozed_until=stamp(until))

    @transaction
    def unsnooze(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        """Mails about it come again."""
        return self._move(escalation_id, actor, "no longer snoozed", "no longer snoozed", STANDING, version, snoozed_until=None)

    @transaction
    def wake(self, key: str, until: str, actor: str) -> tuple[int, ...]:
        """Those of the fault `key` (`check:target`) that were snoozed just until then, and not by another word; returns which."""
        snoozed = (
            "SELECT id FROM escalations WHERE status IN ('open', 'acknowledged') AND check_name || ':' || target = ? AND snoozed_until = ?"
        )
        rows = self.ledger.rows(snoozed, (key, until))
        return tuple(self.unsnooze(row["id"], actor).id for row in rows)

    @transaction
    def note(self, escalation_id: int, text: str, actor: str) -> Escalation:
        return self._move(escalation_id, actor, "note", text, EVER, None)

    @transaction
    def look(self, escalation_id: int, actor: str) -> Escalation:
        """Somebody has seen it; the second look changes nothing."""
        found = self.known(escalation_id)
        return found if found.looked_at else self._move(escalation_id, actor, "looked at", "looked at", EVER, None)

    @transaction
    def resolve(self, escalation_id: int, resolution: str, actor: str, *, version: int | None = None) -> Escalation:
        """Its questions are withdrawn, and mails that did not go yet stay unsent.

        Whether the fault still stands is for the caller to say.
        """
        word = plain(mask(resolution), TEXT_CHARACTERS)
        ended = self._move(escalation_id, actor, "resolved", f"resolved: {word}", STANDING, version, **_ended(word))
        self._withdraw(escalation_id, word, actor)
        return ended

    @transaction
    def reopen(self, escalation_id: int, actor: str, *, reminder: bool = False, version: int | None = None) -> Escalation:
        """Raises Stale also when the incident has a newer escalation that is not resolved.

        `reminder`: its incident is over, so that nothing but a person ends it again.
        """
        found = self.known(escalation_id)
        if (newer := self.open_for(found.task_id)) and found.status == "resolved":
            raise Stale(f"incident {found.task_id} has escalation {newer.id} now, which is {newer.status}", newer)
        again = {**NOBODY, "status": "open", "resolved_at": None, "resolution": "", "reminder": int(reminder)}
        return self._move(escalation_id, actor, "reopened", "reopened", ("resolved",), version, **again)

    @transaction
    def once(self, key: str, body: Callable[[], str]) -> str:
        """The answer of `body`, all of whose changes are one transaction. The same key again: the same answer, and no change."""
        known = self.ledger.row("SELECT answer FROM answers WHERE once = ?", (key,)) if key else None
        if known:
            return str(known["answer"])
        answer = body()
        if key:
            self.ledger.insert("answers", {"once": key, "at": utc(), "answer": answer})
        return answer

    @looking
    def has_answered(self, key: str) -> bool:
        """Whether `once` did it already."""
        return bool(key) and self.ledger.row("SELECT 1 FROM answers WHERE once = ?", (key,)) is not None

    def known(self, escalation_id: int) -> Escalation:
        """Raises Unknown."""
        found = self.find(escalation_id)
        if found is None:
            raise Unknown(f"there is no escalation {escalation_id}")
        return found

    def _move(
        self, escalation_id: int, actor: str, act: str, said: str, allowed: tuple[str, ...], version: int | None, **columns: object
    ) -> Escalation:
        """An act of a person: one conditional update, one version on. Whoever comes second, or late, changes nothing."""
        actor = one_line(actor, 200)
        by = {"looked_at": "COALESCE(looked_at, :now)", "looked_by": "IIF(looked_at IS NULL, :actor, looked_by)"}
        sets = ", ".join(f"{name} = {by.get(name, f':{name}')}" for name in (*by, *columns))
        moved = self.ledger.run(
            f"""UPDATE escalations SET version = version + 1, updated_at = :now, {sets}
            WHERE id = :id AND status IN (SELECT value FROM json_each(:allowed)) AND (:version IS NULL OR version = :version)""",  # noqa: S608 - names of columns
            {**columns, "id": escalation_id, "allowed": as_json(allowed), "version": version, "now": utc(), "actor": actor},
        )
        if not moved:
            found = self.known(escalation_id)
            raise Stale(f"escalation {escalation_id} moved on: it is {found.status} (version {found.version})", found)
        return self._noted(escalation_id, actor, said, act)

    def _touched(self, escalation_id: int, actor: str) -> None:
        """A person did something about it."""
        looked = "UPDATE escalations SET looked_at = ?, looked_by = ? WHERE id = ? AND looked_at IS NULL"
        self.ledger.run(looked, (utc(), one_line(actor, 200), escalation_id))

    def _change(self, escalation_id: int, actor: str, said: str, act: str = "", **columns: object) -> Escalation:
        """What the daemon itself does: set columns, one version on, and write down who did what."""
        self.ledger.run("UPDATE escalations SET version = version + 1, updated_at = ? WHERE id = ?", (utc(), escalation_id))
        if columns:
            self.ledger.update("escalations", escalation_id, columns)
        return self._noted(escalation_id, actor, said, act)

    def _noted(self, escalation_id: int, actor: str, said: str, act: str) -> Escalation:
        written = {"act": act, "actor": one_line(actor, 200), "text": plain(mask(said), TEXT_CHARACTERS)}
        self.ledger.insert("notes", {"escalation_id": escalation_id, "at": utc(), **written})
        row: Json = self.ledger.rows("SELECT * FROM escalations WHERE id = ?", (escalation_id,))[0]
        return Escalation.model_validate(row)

    def _end(self, escalation_id: int, resolution: str, actor: str) -> Escalation:
        """Over by itself."""
        word = plain(mask(resolution), TEXT_CHARACTERS)
        self._withdraw(escalation_id, word, actor)
        return self._change(escalation_id, actor, f"resolved: {word}", "resolved", **_ended(word))

    def _withdraw(self, escalation_id: int, word: str, actor: str) -> None:
        self.ledger.run(
            "UPDATE interventions SET status = 'withdrawn', answered_at = ?, actor = ? WHERE escalation_id = ? AND status = 'pending'",
            (utc(), one_line(actor, 200), escalation_id),
        )
        tellings.withdraw(self.ledger, escalation_id, "healed" if word.startswith("healed:") else "over")


NOBODY: Json = {"owner": "", "acknowledged_at": None, "acknowledged_until": None}


def _had_by(owner: str, until: float | None) -> Json:
    ends = None if until is None else stamp(until)
    return {"status": "acknowledged", "owner": one_line(owner, 200), "acknowledged_at": utc(), "acknowledged_until": ends}


def _ended(word: str) -> Json:
    return {"status": "resolved", "resolved_at": utc(), "resolution": word, "snoozed_until": None}
