"""How long the desk keeps anything (law 9): as long as the store keeps incidents."""

from escalation.front import FrontDesk
from orchestrator.model import utc
from orchestrator.store.ledger import transaction
from orchestrator.store.retention import DAY, INCIDENTS_DAYS

AT_ONCE = 200

_SWEEPS = (
    # Interventions, notes and mails go with their escalation; one that is not resolved never goes.
    "DELETE FROM escalations WHERE id IN (SELECT id FROM escalations WHERE resolved_at < :before LIMIT :some)",
    "DELETE FROM interventions WHERE id IN (SELECT id FROM interventions WHERE escalation_id IS NULL AND created_at < :before LIMIT :some)",
    """DELETE FROM agent_consultations WHERE id IN
        (SELECT id FROM agent_consultations WHERE escalation_id IS NULL AND created_at < :before LIMIT :some)""",
    """DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
        WHERE escalation_id IS NULL AND created_at < :before AND status NOT IN ('waiting', 'sending') LIMIT :some)""",
)


class Retention(FrontDesk):
    def tidy(self, now: float) -> None:
        """Once a sweep: remove some of what is older than the retention, and give space back. Raises StoreFailed."""
        self._remove(utc(now - INCIDENTS_DAYS * DAY))
        self.ledger.shrink()

    @transaction
    def _remove(self, before: str) -> None:
        for sweep in _SWEEPS:
            self.ledger.run(sweep, {"before": before, "some": AT_ONCE})
