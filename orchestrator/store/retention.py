"""How long anything is kept: every table has an end (law 9)."""

from orchestrator.model import utc
from orchestrator.store.alerts import ALERT_SECONDS
from orchestrator.store.base import Part
from orchestrator.store.ledger import transaction

DAY = 86_400.0
INCIDENTS_DAYS = 90
AUDIT_DAYS = 365
ALERTS_DAYS = 7
"""So long an alert that ended is kept."""
CLOSED_KEPT = 20_000
"""Closed incidents, whatever their age."""
AUDIT_KEPT = 100_000
CALLS_KEPT = 100_000
"""Of models."""
AT_ONCE = 500
"""Rows removed in one transaction: a long one would hold up a repair."""

_CLOSED = "SELECT COUNT(*) FROM tasks WHERE resolved_at IS NOT NULL"
_SWEEPS = (
    # A symptom goes with its root or after it; attempts, changes and evidence go with their incident.
    "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE resolved_at < :incidents LIMIT :some)",
    f"""DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE resolved_at IS NOT NULL ORDER BY resolved_at
        LIMIT MIN(:some, MAX(0, ({_CLOSED}) - :closed)))""",  # noqa: S608  # a constant
    "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE answered_at < :incidents LIMIT :some)",
    "DELETE FROM windows WHERE until < :incidents",
    "DELETE FROM expert_memory WHERE expires_at < :now",
    "UPDATE alerts SET ended_at = seen_at WHERE ended_at IS NULL AND seen_at < :silent",
    "DELETE FROM alerts WHERE ended_at < :ended",
    "DELETE FROM spent_days WHERE day < :incidents",
    # Only the oldest are looked at, so that a sweep with nothing to remove does not read the whole table.
    """DELETE FROM model_calls WHERE id IN (SELECT id FROM model_calls ORDER BY id LIMIT :some)
        AND (began_at < :incidents OR id <= (SELECT MAX(id) FROM model_calls) - :calls)""",
    """DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT :some)
        AND (at < :audit OR id <= (SELECT MAX(id) FROM audit) - :audited)""",
)


class Retention(Part):
    def tidy(self, now: float) -> None:
        """Once a sweep: make the reserve again, remove some of what is older than the retention, give space back."""
        self._remove(now)
        self.ledger.shrink()

    @transaction
    def _remove(self, now: float) -> None:
        alerts = {"silent": utc(now - ALERT_SECONDS), "ended": utc(now - ALERTS_DAYS * DAY)}
        limits = {**alerts, "now": utc(now), "incidents": utc(now - INCIDENTS_DAYS * DAY), "audit": utc(now - AUDIT_DAYS * DAY)}
        for sweep in _SWEEPS:
            self.ledger.run(sweep, {**limits, "closed": CLOSED_KEPT, "audited": AUDIT_KEPT, "calls": CALLS_KEPT, "some": AT_ONCE})
