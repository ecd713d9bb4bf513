"""How long the desk keeps anything (law 9): as long as the store keeps incidents."""

from escalation.front import FrontDesk
from orchestrator.model import utc
from orchestrator.store.ledger import transaction
from orchestrator.store.retention import DAY, INCIDENTS_DAYS

AT_ONCE = 200

READ_DAYS = 30
"""Then the text of a mail goes: a hundred kilobytes. When it went, and what it told of, stay."""

_ON_NO_WAY = "NOT EXISTS (SELECT 1 FROM outbox WHERE mail_id = m.id AND status IN ('waiting', 'sending'))"
_SWEEPS = (
    # Interventions, notes and mails go with their escalation; one that is not resolved never goes.
    "DELETE FROM escalations WHERE id IN (SELECT id FROM escalations WHERE resolved_at < :before LIMIT :some)",
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


class Retention(FrontDesk):
    def tidy(self, now: float) -> None:
        """Once a sweep: remove some of what is older than the retention, and give space back. Raises StoreFailed."""
        self._remove(utc(now - INCIDENTS_DAYS * DAY), utc(now - READ_DAYS * DAY))
        self.ledger.shrink()

    @transaction
    def _remove(self, before: str, read: str) -> None:
        for sweep in _SWEEPS:
            self.ledger.run(sweep, {"before": before, "read": read, "some": AT_ONCE})
