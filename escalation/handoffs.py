"""What a phase that gave up passed on, a row each, and whether the next one did better: healed, passed on, a person, went away."""

from collections.abc import Sequence

from escalation.front import TEXT_CHARACTERS, FrontDesk
from escalation.text import one_line, plain
from orchestrator.model import Handoff, Incident, Json, Phase, utc
from orchestrator.store import mask
from orchestrator.store.base import as_json
from orchestrator.store.ledger import looking, transaction

PERSON = Phase.ESCALATION.number
_SEEN = 200
_WORDS, _WORD_CHARACTERS = 20, 500
_OPEN = "task_id = :task AND ended IS NULL AND to_phase < 4"


class Handoffs(FrontDesk):
    """A person's row is the escalation's: the schema ends it with that, and opens it again."""

    @transaction
    def hand_off(self, task_id: int, handoff: Handoff, to_phase: int) -> None:
        """Written before the case moves. The same again, as after a death in between, or to a person who has it, is no second one."""
        passed_on = {"from_phase": handoff.phase, "to_phase": to_phase, "reason": plain(mask(handoff.reason), TEXT_CHARACTERS)}
        same = "SELECT 1 FROM handoffs WHERE task_id = ? AND ended IS NULL AND from_phase = ? AND to_phase = ? AND reason = ?"
        if self.ledger.row(same, (task_id, *passed_on.values())) or (to_phase == PERSON and self.open_for(task_id)):
            return
        self._end_handoffs(task_id, "a person" if to_phase == PERSON else "passed on")
        words = {name: _words(getattr(handoff, name)) for name in ("tried", "ruled_out", "open_questions")}
        told = {**words, "seen": as_json(handoff.seen[:_SEEN]), "created_at": utc()}
        self.ledger.insert("handoffs", {"task_id": task_id, **passed_on, **told})

    @looking
    def handed_over(self) -> tuple[int, ...]:
        """Incidents that a phase has from another one, as far as the desk knows."""
        rows = self.ledger.rows("SELECT DISTINCT task_id FROM handoffs WHERE ended IS NULL AND to_phase < 4 ORDER BY task_id")
        return tuple(row["task_id"] for row in rows)

    def _taken_by_person(self, incident: Incident, escalation_id: int, reason: str) -> None:
        """The row of this escalation: what the phase wrote just before, or one that says no more than that.

        What was written before that, by a step that a death cut short, was said anew.
        """
        written = "SELECT id FROM handoffs WHERE task_id = ? AND to_phase = 4 AND escalation_id IS NULL ORDER BY id"
        rows = [row["id"] for row in self.ledger.rows(written, (incident.id,))]
        for row_id in rows[:-1]:
            self.ledger.run("DELETE FROM handoffs WHERE id = ?", (row_id,))
        if rows:
            self.ledger.update("handoffs", rows[-1], {"escalation_id": escalation_id})
        else:
            row = {"task_id": incident.id, "from_phase": incident.phase, "to_phase": PERSON, "reason": reason, "created_at": utc()}
            self.ledger.insert("handoffs", {**row, "escalation_id": escalation_id})

    def _end_handoffs(self, task_id: int, ended: str, *, healed_in: int = 0) -> None:
        """`healed_in`: only who got it in that phase has healed it; a phase before that has passed it on."""
        which: Json = {"task": task_id, "ended": ended, "at": utc(), "phase": healed_in}
        self.ledger.run(
            f"""UPDATE handoffs SET ended = IIF(:phase IN (0, to_phase), :ended, 'passed on'), ended_at = :at WHERE {_OPEN}""",  # noqa: S608  # a constant
            which,
        )


def _words(items: Sequence[str]) -> str:
    return as_json([one_line(mask(item), _WORD_CHARACTERS) for item in items[:_WORDS]])
