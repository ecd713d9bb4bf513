"""How long the desk keeps anything (law 9): as long as the store keeps incidents, and no more than so much. What is open stays."""

from dataclasses import asdict, dataclass

from escalation.front import FrontDesk
from orchestrator.model import utc
from orchestrator.store.ledger import transaction
from orchestrator.store.retention import DAY, HOUR, INCIDENTS_DAYS, is_larger, while_some

AT_ONCE = 200

READ_DAYS = 30
"""Then the text of a mail goes: a hundred kilobytes. When it went, and what it told of, stay."""


@dataclass(frozen=True, slots=True)
class KeepAtDesk:
    """So much, whatever its age."""

    resolved: int = 10_000
    """Escalations."""
    loose: int = 20_000
    """Of each kind of row that belongs to no escalation: questions about fixes, minutes, handoffs, mails."""
    notes: int = 500
    """Of one escalation."""
    file_bytes: int = 512 << 20
    """Beyond it the oldest resolved escalations go."""


KEEP = KeepAtDesk()

ENDS = {
    "escalations": "resolved ones, by age, count and the file's size",
    "interventions": "with their escalation; reviews by age and count",
    "notes": "with their escalation; of one that stands, the newest",
    "agent_consultations": "with their escalation; loose ones by age and count",
    "handoffs": "with their escalation; loose ones by age and count",
    "tellings": "with their escalation; of one that stands, the newest",
    "told": "with their telling or mail",
    "mails": "when nothing that they told of is left, by age and count; the text before that",
    "outbox": "with their mail",
    "answers": "by age and count",
    "door_links": "by date, and by count",
    "door_sessions": "by date, and by count",
    "door_tokens": "by count",
    "tallies": "one row for each of few words",
}
"""Of each table: how it ends, or why it cannot grow."""

_ON_NO_WAY = "NOT EXISTS (SELECT 1 FROM outbox WHERE mail_id = m.id AND status IN ('waiting', 'sending'))"
_RESOLVED = "SELECT COUNT(*) FROM escalations WHERE status = 'resolved'"
_SWEEPS = (
    # Interventions, notes and mails go with their escalation; one that is not resolved never goes.
    "DELETE FROM escalations WHERE id IN (SELECT id FROM escalations WHERE resolved_at < :before LIMIT :some)",
    f"""DELETE FROM escalations WHERE id IN (SELECT id FROM escalations WHERE resolved_at IS NOT NULL ORDER BY resolved_at
        LIMIT MIN(:some, MAX(0, ({_RESOLVED}) - :resolved)))""",  # noqa: S608 - a constant
    "DELETE FROM interventions WHERE id IN (SELECT id FROM interventions WHERE escalation_id IS NULL AND created_at < :before LIMIT :some)",
    """DELETE FROM agent_consultations WHERE id IN
        (SELECT id FROM agent_consultations WHERE escalation_id IS NULL AND created_at < :before LIMIT :some)""",
    "DELETE FROM handoffs WHERE id IN (SELECT id FROM handoffs WHERE escalation_id IS NULL AND created_at < :before LIMIT :some)",
    "DELETE FROM answers WHERE at < :read",
    # What stands for so long keeps the mail that told it first, and what was new later.
    """DELETE FROM tellings WHERE id IN
        (SELECT id FROM tellings WHERE kind = 'reminder' AND status != 'waiting' AND created_at < :before LIMIT :some)""",
    f"""DELETE FROM mails WHERE id IN (SELECT id FROM mails AS m WHERE created_at < :before
        AND NOT EXISTS (SELECT 1 FROM told WHERE mail_id = m.id) AND {_ON_NO_WAY} LIMIT :some)""",  # noqa: S608 - a constant
    f"""UPDATE mails SET body = '', html = '' WHERE id IN
        (SELECT id FROM mails AS m WHERE html != '' AND created_at < :read AND {_ON_NO_WAY} LIMIT :some)""",  # noqa: S608 - a constant
)


def _beyond(table: str, which: str) -> str:
    """The oldest of too many."""
    of_these = f"FROM {table} AS m WHERE {which}"
    return f"""DELETE FROM {table} WHERE id IN
        (SELECT id {of_these} ORDER BY id LIMIT MIN(:some, MAX(0, (SELECT COUNT(*) {of_these}) - :loose)))"""  # noqa: S608 - constants


def _too_many(table: str, which: str = "TRUE") -> str:
    """The oldest of those escalations that have more than enough."""
    having = f"SELECT escalation_id FROM {table} GROUP BY escalation_id HAVING COUNT(*) > :notes"  # noqa: S608 - constants
    newer = f"SELECT COUNT(*) FROM {table} WHERE escalation_id = old.escalation_id AND id > old.id"  # noqa: S608 - constants
    return f"""DELETE FROM {table} WHERE id IN (SELECT id FROM {table} AS old
        WHERE escalation_id IN ({having}) AND ({newer}) >= :notes AND {which} LIMIT :some)"""  # noqa: S608 - constants


_HOURLY = (
    _beyond("interventions", "escalation_id IS NULL AND status != 'pending'"),
    _beyond("agent_consultations", "escalation_id IS NULL"),
    _beyond("handoffs", "escalation_id IS NULL AND ended IS NOT NULL"),
    f"""DELETE FROM mails WHERE id IN (SELECT id FROM mails AS m
        WHERE created_at < (SELECT created_at FROM mails ORDER BY created_at DESC LIMIT 1 OFFSET :loose)
        AND NOT EXISTS (SELECT 1 FROM told WHERE mail_id = m.id) AND {_ON_NO_WAY} LIMIT :some)""",  # noqa: S608 - a constant
    """DELETE FROM answers WHERE once IN
        (SELECT once FROM answers ORDER BY at LIMIT MIN(:some, MAX(0, (SELECT COUNT(*) FROM answers) - :loose)))""",
    _too_many("notes"),
    _too_many("tellings", "status != 'waiting'"),
)
_OLDEST = (
    "DELETE FROM escalations WHERE id IN (SELECT id FROM escalations WHERE resolved_at IS NOT NULL ORDER BY resolved_at LIMIT :some / 10)"
)
"""A few at a time: what is larger is measured anew after each."""


class Retention(FrontDesk):
    _hourly_at = float("-inf")

    def tidy(self, now: float, keep: KeepAtDesk = KEEP) -> None:
        """Once a sweep: remove some of what is older than the retention, and give space back. Raises StoreFailed."""
        times = {"before": utc(now - INCIDENTS_DAYS * DAY), "read": utc(now - READ_DAYS * DAY)}
        limits = {**asdict(keep), **times, "some": AT_ONCE}
        self._sweep(_SWEEPS, limits)
        if abs(now - self._hourly_at) >= HOUR:  # a clock that was set back must not put it off
            self._hourly_at = now
            while_some(lambda: self._sweep(_HOURLY, limits))
            while_some(lambda: is_larger(self.ledger, keep.file_bytes) and self._sweep((_OLDEST,), limits))
        self.ledger.shrink()

    @transaction
    def _sweep(self, sweeps: tuple[str, ...], limits: dict[str, object]) -> int:
        return sum(self.ledger.run(sweep, limits) for sweep in sweeps)
