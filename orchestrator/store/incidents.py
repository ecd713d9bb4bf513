"""Seeing: one look of one check becomes opened, merged, reopened and cleared incidents."""

from collections.abc import Sequence

from orchestrator.masking import mask
from orchestrator.model import Blind, Fault, Json, Seen, faults_in, hides, utc
from orchestrator.store.arranging import Arrange, arrange_live, each_alone
from orchestrator.store.base import AT_ONCE, Part
from orchestrator.store.ledger import transaction
from orchestrator.store.words import Observed

CLEAR_AFTER_SECONDS = 60.0
"""A fault that a person has in hand counts as gone only after so long a continuous absence."""
TITLE_CHARACTERS = 200


class Incidents(Part):
    @transaction
    def observe(self, check: str, seen: Seen, now: float, arrange: Arrange = each_alone, *, relapse_seconds: float = 3600.0) -> Observed:
        """Note what `check` saw in a look that began at `now`; one transaction.

        `arrange` gets every standing fault and answers which symptom's key belongs to which root's key.
        A kind of fault that was fixed less than `relapse_seconds` ago reopens its row. What else shows at a target that was under repair
        then opens nothing: it may be the repair itself (a failed unit is inactive for the moment before its start), and the
        engine's own looks judge it. Raises StoreFailed.
        """
        self._note_look(check, seen, now)
        faults = faults_in(seen)
        if isinstance(seen, Blind) and not faults and seen.unseen is None:
            return Observed()
        standing = _one_a_key(check, faults)
        live = {row["key"]: row for row in self.ledger.rows("SELECT * FROM tasks WHERE check_name = ? AND resolved_at IS NULL", (check,))}
        for key in standing.keys() & live.keys():
            self._see_again(live[key], standing[key], now)
        under_repair = self._under_repair(now)
        new = [fault for key, fault in standing.items() if key not in live and fault.target not in under_repair]
        back = {fault.key: self._reopen(fault, now, relapse_seconds) for fault in new}
        opened = [self._open(fault, now) for fault in new if back[fault.key] is None]
        looked_at = (row for key, row in live.items() if key not in standing and not hides(seen, row["target"]))
        cleared = [row["id"] for row in looked_at if self._miss(row, now)]
        arranged = arrange_live(self.ledger, arrange)
        return Observed(
            opened=tuple(row_id for row_id in (*opened, *arranged.freed) if row_id not in arranged.merged),
            reopened=tuple(row_id for row_id in back.values() if row_id is not None),
            cleared=tuple(cleared),
            merged=arranged.merged,
        )

    def _note_look(self, check: str, seen: Seen, now: float) -> None:
        if isinstance(seen, Blind):
            state, detail = "blind", mask(seen.reason)[:1000]
        else:
            state, detail = ("fault" if seen else "ok"), "; ".join(mask(fault.message) for fault in seen)[:1000]
        self.ledger.run(
            """INSERT INTO checks (name, state, detail, looked_at, changed_at, blind_count)
            VALUES (:name, :state, :detail, :now, :now, :blind)
            ON CONFLICT (name) DO UPDATE SET detail = :detail, looked_at = :now, state = :state,
                changed_at = CASE WHEN state = :state THEN changed_at ELSE :now END, blind_count = :blind * (blind_count + 1)""",
            {"name": check, "state": state, "detail": detail, "now": utc(now), "blind": int(state == "blind")},
        )

    def _see_again(self, row: Json, fault: Fault, now: float) -> None:
        """It may look different now: a start that did not help ends in another way than the crash. What it opened as stays."""
        seen = {"fingerprint": row["fingerprint"], "last_seen": utc(now), "seen": row["seen"] + 1, "absent_since": None}
        self.ledger.update("tasks", row["id"], {**fault_columns(fault), **seen})

    def _open(self, fault: Fault, now: float) -> int:
        at = utc(now)
        times = {"detected_at": at, "opened_at": at, "last_seen": at, "next_at": AT_ONCE}
        return self.ledger.insert("tasks", {**fault_columns(fault), **times, "status": "open"})

    def _reopen(self, fault: Fault, now: float, relapse_seconds: float) -> int | None:
        """The row that was fixed a short time ago, open again; None when the fault is a new one, or another kind of fault there."""
        row = self.ledger.row(
            "SELECT * FROM tasks WHERE key = ? AND fingerprint = ? ORDER BY id DESC LIMIT 1", (fault.key, fault.signature)
        )
        if row is None or row["status"] != "fixed" or row["resolved_at"] < utc(now - relapse_seconds):
            return None
        again = {"occurrences": row["occurrences"] + 1, "relapses": row["relapses"] + 1, "opened_at": utc(now), "last_seen": utc(now)}
        afresh = {"status": "open", "phase": 1, "next_at": AT_ONCE, "seen": row["seen"] + 1, "resolution": "", "waiting_for": ""}
        nothing = dict.fromkeys(("fix_successful", "resolved_at", "retried_at"))
        self.ledger.run("DELETE FROM marks WHERE task_id = ?", (row["id"],))
        self.ledger.update("tasks", row["id"], {**fault_columns(fault), **again, **afresh, **nothing})
        return int(row["id"])

    def _miss(self, row: Json, now: float) -> bool:
        """The fault was not seen: whether that cleared its incident."""
        if row["status"] == "merged":
            self.ledger.update("tasks", row["id"], {"resolved_at": utc(now)})
            return False
        if row["status"] in ("waiting", "escalated"):
            absent_since = min(row["absent_since"] or utc(now), utc(now))  # the clock may have been set back
            if self._shows_besides(row):
                absent_since = utc(now)
            if absent_since > utc(now - CLEAR_AFTER_SECONDS):
                self.ledger.update("tasks", row["id"], {"absent_since": absent_since})
                return False
        elif row["status"] == "healing" or self._has_attempt_under_way(row["id"]):
            return False  # what the repair did is the engine's to judge
        gone = {"status": "cleared", "resolved_at": utc(now), "next_at": None, "approved": None, "resolution": "went away by itself"}
        self.ledger.update("tasks", row["id"], gone)
        return True

    def _shows_besides(self, row: Json) -> bool:
        """Whether its target stands wrong in another way, which is told as part of it: nothing is over."""
        symptom = "SELECT 1 FROM tasks WHERE root_id = ? AND target = ? AND status = 'merged' AND resolved_at IS NULL"
        return self.ledger.row(symptom, (row["id"], row["target"])) is not None

    def _under_repair(self, then: float) -> set[str]:
        """An end that lies ahead is one of before the clock was set back."""
        rows = self.ledger.rows(
            """SELECT target FROM tasks
            WHERE (resolved_at IS NULL AND id IN (SELECT task_id FROM attempts WHERE outcome IS NULL AND executed = 1))
            OR id IN (SELECT task_id FROM attempts WHERE ended_at BETWEEN ? AND ? AND executed = 1)""",
            (utc(then), utc()),
        )
        return {row["target"] for row in rows}

    def _has_attempt_under_way(self, task_id: int) -> bool:
        return self.ledger.row("SELECT 1 FROM attempts WHERE task_id = ? AND outcome IS NULL AND executed = 1", (task_id,)) is not None


def fault_columns(fault: Fault) -> Json:
    """What a row says about its fault."""
    fault = fault.model_copy(update={"message": mask(fault.message)})
    return {
        "key": fault.key,
        "fault": fault.model_dump_json(),
        "fingerprint": fault.signature,
        "check_name": fault.check,
        "target": fault.target,
        "reason": fault.reason,
        "title": " ".join(fault.message.split())[:TITLE_CHARACTERS] or fault.reason,
        "severity": fault.severity.value,
    }


def _one_a_key(check: str, faults: Sequence[Fault]) -> dict[str, Fault]:
    """A check that names a target twice means one fault: the more severe."""
    standing: dict[str, Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault.severity.rank):
        if fault.check != check:
            raise ValueError(f"check {check} yielded a fault of {fault.check}: its incident would never clear")
        standing.setdefault(fault.key, fault)
    return standing
