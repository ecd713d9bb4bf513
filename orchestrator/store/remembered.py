"""What the experts remember: written only with a verified ending of what they said, bounded, and gone after its time."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from orchestrator.model import Case, Json, instance_of, utc
from orchestrator.store.base import ITSELF, Part, as_json
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction
from orchestrator.store.migrations import tasks
from orchestrator.store.rows import all_readable, memory_of
from orchestrator.store.words import Lesson, Memory, Stale, as_fact

MEMORIES_KEPT = 50
"""Of one expert."""
MEMORY_DAYS = 90
"""After its last verification: a host changes, and what was right may not be any more."""
BEST_FIRST = "wins - losses DESC, wins DESC, verified_at DESC, id DESC"

_LEAST_USEFUL = """SELECT id FROM expert_memory WHERE expert = :expert AND id != :new
ORDER BY wins + losses, uses, verified_at, id LIMIT MAX(0, (SELECT COUNT(*) FROM expert_memory WHERE expert = :expert) - :kept)"""
_REVOKED = """UPDATE expert_memory SET proved = 'relapsed', wins = MAX(0, wins - 1), losses = losses + 1, verified_at = :now
WHERE signature = :signature AND stance = 'propose' AND kinds = :kinds AND proved = 'healed'"""
_ACQUITTED = "UPDATE expert_memory SET proved = 'moot', losses = MAX(0, losses - 1) WHERE task_id = :task AND proved = 'missed'"


class Remembered(Part):
    """Safe to use from any thread."""

    @looking
    def memories(self, expert: str) -> tuple[Memory, ...]:
        """All that one expert remembers and that is not over, the best proved first."""
        sql = f"SELECT * FROM expert_memory WHERE expert = ? AND expires_at > ? ORDER BY {BEST_FIRST}"  # noqa: S608  # a constant
        return all_readable("memory", self.ledger.rows(sql, (expert, utc())), memory_of)

    @transaction
    def remember(self, case: Case, lessons: Sequence[Lesson]) -> None:
        """What an ending taught: an expert who says the same of the same kind of fault again has one memory of it, with a record."""
        now = time.time()
        times = {"verified_at": utc(now), "expires_at": utc(now + MEMORY_DAYS * 86_400)}
        for lesson in lessons:
            won = lesson.proved == "healed"
            of = {"expert": lesson.expert, "signature": case.incident.signature, "stance": lesson.stance, "kinds": as_json(lesson.kinds)}
            row = self.ledger.row(
                "SELECT * FROM expert_memory WHERE expert = :expert AND signature = :signature AND stance = :stance AND kinds = :kinds", of
            )
            record = {"wins": (row["wins"] if row else 0) + won, "losses": (row["losses"] if row else 0) + (not won)}
            new = {"task_id": case.incident.id, "proved": lesson.proved, "instead": as_json(lesson.instead), **times, **record}
            if not (row and row["said_by"]):
                new["fact"] = lesson.fact
            if row:
                self.ledger.update("expert_memory", row["id"], new)
            else:
                about = {"check_name": case.fault.check, "target": instance_of(case.fault.target)[0], "service": case.scope.service or ""}
                self._make_room(lesson.expert, self.ledger.insert("expert_memory", {**of, **about, **new, "created_at": utc(now)}))
            said = {"incident": case.incident.id, "kinds": lesson.kinds, "proved": lesson.proved}
            self.audit(ITSELF, "memory kept", {"expert": lesson.expert, "stance": lesson.stance, **said})

    def _make_room(self, expert: str, new: int) -> None:
        """The least useful goes, and is counted; the new one has its chance."""
        for row in self.ledger.rows(_LEAST_USEFUL, {"expert": expert, "new": new, "kept": MEMORIES_KEPT}):
            self.ledger.run("DELETE FROM expert_memory WHERE id = ?", (row["id"],))
            self.ledger.run("INSERT INTO tallies VALUES ('memories_dropped', ?, '', 1) ON CONFLICT DO UPDATE SET n = n + 1", (expert,))

    @transaction
    def revoke_memories(self, task_id: int) -> None:
        """The fault is back: the plan did not last, whoever said it, and nobody was wrong because of it."""
        healed = self.ledger.row(
            "SELECT signature, plan FROM attempts WHERE task_id = ? AND outcome = 'healed' ORDER BY id DESC LIMIT 1", (task_id,)
        )
        if healed:
            kinds = as_json([action["kind"] for action in json.loads(healed["plan"])])
            self.ledger.run(_REVOKED, {"signature": healed["signature"], "kinds": kinds, "now": utc()})
            self.ledger.run(_ACQUITTED, {"task": task_id})
            self.ledger.run("DELETE FROM expert_memory WHERE proved = 'moot' AND wins + losses = 0")
            self.audit(ITSELF, "memories revoked", {"incident": task_id, "signature": healed["signature"], "kinds": json.loads(kinds)})

    @transaction
    def note_uses(self, memories: Sequence[int]) -> None:
        """They were shown."""
        self.ledger.run("UPDATE expert_memory SET uses = uses + 1 WHERE id IN (SELECT value FROM json_each(?))", (as_json(memories),))

    @transaction
    def forget_memory(self, number: int, actor: str) -> None:
        """Raises Stale when there is no such memory."""
        row = self._memory(number)
        self.ledger.run("DELETE FROM expert_memory WHERE id = ?", (number,))
        self.audit(actor, "memory forgotten", row)

    @transaction
    def correct_memory(self, number: int, fact: str, actor: str, *, his: bool = False) -> None:
        """A person's words in place of the expert's; the record stays. Raises Stale when there is no such memory.

        `his`: they are the expert's own again. So are words that did not change: whoever sends a form as he found it has said nothing.
        """
        row, said = self._memory(number), as_fact(fact)
        by = "" if his else row["said_by"] if said == row["fact"] else actor[:200]
        self.ledger.update("expert_memory", number, {"fact": said, "said_by": by})
        self.audit(actor, "memory corrected", {"memory": number, "was": row["fact"], "is": said})

    def _memory(self, number: int) -> Json:
        row = self.ledger.row("SELECT * FROM expert_memory WHERE id = ?", (number,))
        if row is None:
            raise Stale(f"there is no memory {number}")
        return row


class BesideMemory(Remembered, Keeper):
    """For a process beside the daemon; never migrates. Close it after use."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or another version did."""
        self.ledger = Ledger(state_dir / "tasks.db", tasks, migrate=False)
