"""What was learned: plans that healed a signature, and how far each is trusted."""

from typing import Literal

from orchestrator.model import Action, Json, Pattern, Stage, utc
from orchestrator.store import rows
from orchestrator.store.base import ITSELF, Part, as_json
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.words import Stale

Credit = Literal["win", "loss", "relapse"]

TRUSTED_FROM = 3
"""The margin, wins - 2 x (losses + relapses), from which a pattern is trusted; below 0 it is demoted."""


def stage_after(wins: int, losses: int, relapses: int) -> Stage:
    """The stage that a record earns. A loss weighs two wins."""
    margin = wins - 2 * (losses + relapses)
    if margin < 0:
        return Stage.DEMOTED
    return Stage.TRUSTED if margin >= TRUSTED_FROM else Stage.PROBATION


class Patterns(Part):
    @looking
    def patterns(self, signature: str | None = None) -> tuple[Pattern, ...]:
        """All patterns, or one signature's; the best record first. A plan that no longer parses is left out."""
        found = self.ledger.rows(
            "SELECT * FROM patterns WHERE :it IS NULL OR signature = :it ORDER BY wins - 2 * (losses + relapses) DESC, id",
            {"it": signature},
        )
        return rows.all_readable("pattern", found, rows.pattern_of)

    @transaction
    def teach(self, signature: str, plan: tuple[Action, ...], origin: str) -> int:
        """The id of the pattern with this very plan; a new one starts on probation."""
        plan_hash = rows.plan_hash(plan)
        known = self.ledger.row("SELECT id FROM patterns WHERE signature = ? AND hash = ?", (signature, plan_hash))
        if known:
            return int(known["id"])
        new = {"signature": signature, "plan": as_json(rows.plan_data(plan)), "hash": plan_hash, "origin": origin, "created_at": utc()}
        number = self.ledger.insert("patterns", {**new, "stage": Stage.PROBATION.value})
        kinds = [action.kind for action in plan]
        said = {"pattern": number, "signature": signature, "plan": kinds, "hash": plan_hash, "origin": origin}
        self.audit(origin.removeprefix("person:") if origin.startswith("person:") else ITSELF, "pattern taught", said)
        return number

    @transaction
    def credit(self, pattern_id: int, result: Credit) -> None:
        """Note how it went. A person's word on the stage holds until the next loss or relapse. A forgotten id is ignored."""
        row = self.ledger.row("SELECT * FROM patterns WHERE id = ?", (pattern_id,))
        if row is None:
            return
        count = {"win": "wins", "loss": "losses", "relapse": "relapses"}[result]
        record = {name: row[name] + (name == count) for name in ("wins", "losses", "relapses")}
        said_by = row["said_by"] if result == "win" else ""
        stage = row["stage"] if said_by else stage_after(**record).value
        self.ledger.update("patterns", pattern_id, {**record, "stage": stage, "said_by": said_by, "credited_at": utc()})
        self.audit(ITSELF, "pattern credited", {"pattern": pattern_id, "for": result, "was": row["stage"], "is": stage})

    @looking
    def pattern_of(self, task_id: int) -> int | None:
        """The pattern that the incident's last healed attempt came from or taught: whose credit a relapse revokes."""
        attempt = self.ledger.row("SELECT * FROM attempts WHERE task_id = ? AND outcome = 'healed' ORDER BY id DESC LIMIT 1", (task_id,))
        if attempt is None:
            return None
        origin, _, number = attempt["origin"].partition(":")
        if origin == "pattern" and number.isdecimal():
            return int(number)
        taught = self.ledger.row("SELECT id FROM patterns WHERE signature = ? AND hash = ?", (attempt["signature"], attempt["hash"]))
        return int(taught["id"]) if taught else None

    @transaction
    def set_stage(self, pattern_id: int, stage: Stage, actor: str) -> None:
        """A person's word. Raises Stale when there is no such pattern."""
        row = self._known(pattern_id)
        self.ledger.update("patterns", pattern_id, {"stage": stage.value, "said_by": actor})
        self.audit(actor, "pattern stage", {"pattern": pattern_id, "was": row["stage"], "is": stage.value})

    @transaction
    def weigh(self, pattern_id: int, actor: str) -> Stage:
        """A person takes a word on the stage back: the record alone says. Raises Stale when there is no such pattern."""
        row = self._known(pattern_id)
        stage = stage_after(row["wins"], row["losses"], row["relapses"])
        self.ledger.update("patterns", pattern_id, {"stage": stage.value, "said_by": ""})
        self.audit(actor, "pattern stage", {"pattern": pattern_id, "was": row["stage"], "is": stage.value})
        return stage

    @transaction
    def forget(self, pattern_id: int, actor: str) -> None:
        """Raises Stale when there is no such pattern."""
        row = self._known(pattern_id)
        self.ledger.run("DELETE FROM patterns WHERE id = ?", (pattern_id,))
        self.audit(actor, "pattern forgotten", row)

    def _known(self, pattern_id: int) -> Json:
        row = self.ledger.row("SELECT * FROM patterns WHERE id = ?", (pattern_id,))
        if row is None:
            raise Stale(f"there is no pattern {pattern_id}")
        return row
