"""How long anything is kept: every table has an end (law 9), and what is open has none."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from orchestrator.model import utc
from orchestrator.store.alerts import ALERT_SECONDS
from orchestrator.store.audited import Audited
from orchestrator.store.base import ITSELF
from orchestrator.store.ledger import Ledger, transaction

DAY = 86_400.0
INCIDENTS_DAYS = 90
AUDIT_DAYS = 365
AT_ONCE = 500
"""Rows removed in one transaction: a long one would hold up a repair."""
ROUNDS = 20
"""Transactions of one hour's work, at most: what is left then comes in the next hour."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Keep:
    """So much, and so long."""

    closed: int = 20_000
    """Closed incidents, whatever their age."""
    evidence_days: float = 30.0
    """Of a closed incident: the bulk of it. What was wrong, tried and healed stays as long as the incident."""
    attempts: int = 50
    """Of one incident, whatever their age: one that stands open for a year is tried a thousand times."""
    audited: int = 100_000
    cut: int = 1000
    """Rows of the audit that go together: each cut leaves an anchor."""
    calls: int = 100_000
    """Of models."""
    decisions: int = 20_000
    """Answered, and windows that are over."""
    alerts: int = 10_000
    """That ended."""
    alerts_days: float = 7.0
    patterns: int = 5000
    file_bytes: int = 512 << 20
    """Beyond it the oldest closed incidents go, whatever their age."""


KEEP = Keep()

ENDS = {
    "tasks": "closed ones, by age, count and the file's size",
    "attempts": "with their incident; of one that stands, the newest",
    "changes": "with their attempt",
    "evidence": "with its incident, or before it; of each incident the newest",
    "marks": "with their incident",
    "audit": "by age and count, with an anchor",
    "patterns": "by count",
    "expert_memory": "by date, and by count of each expert",
    "inbox": "answered ones, by age and count; those that wait are few",
    "windows": "those that are over, by age and count",
    "alerts": "those that ended, by age and count; those that fire are few",
    "model_calls": "by age and count",
    "spent_days": "by age",
    "checks": "one row a check",
    "tallies": "one row for each of few words",
    "audit_anchor": "one row",
    "carried": "one row a source",
    "configuration": "one row a key that is set",
    "baseline": "one row",
    "daemon": "one row",
}
"""Of each table: how it ends, or why it cannot grow."""

_CLOSED = "SELECT COUNT(*) FROM tasks WHERE resolved_at IS NOT NULL"
_DECIDED = "SELECT COUNT(*) FROM inbox WHERE answered_at IS NOT NULL"
_OVER = "SELECT COUNT(*) FROM windows WHERE until < :now"
_ENDED = "SELECT COUNT(*) FROM alerts WHERE ended_at IS NOT NULL"
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
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= (SELECT upto FROM audit_anchor) ORDER BY id LIMIT :some)",
)
_HOURLY = (
    """DELETE FROM evidence WHERE id IN (SELECT evidence.id FROM tasks CROSS JOIN evidence ON task_id = tasks.id
        WHERE resolved_at < :observed LIMIT :some)""",
    """DELETE FROM attempts WHERE id IN (SELECT id FROM attempts AS old WHERE ended_at < :incidents
        AND (SELECT COUNT(*) FROM attempts WHERE task_id = old.task_id AND id > old.id) >= :attempts LIMIT :some)""",
    f"""DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE answered_at IS NOT NULL ORDER BY id
        LIMIT MIN(:some, MAX(0, ({_DECIDED}) - :decisions)))""",  # noqa: S608  # a constant
    f"""DELETE FROM windows WHERE id IN (SELECT id FROM windows WHERE until < :now ORDER BY id
        LIMIT MIN(:some, MAX(0, ({_OVER}) - :decisions)))""",  # noqa: S608  # a constant
    f"""DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ended_at IS NOT NULL ORDER BY ended_at
        LIMIT MIN(:some, MAX(0, ({_ENDED}) - :alerts)))""",  # noqa: S608  # a constant
)
_OLDEST = "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE resolved_at IS NOT NULL ORDER BY resolved_at LIMIT :some / 10)"
"""A few at a time: what is larger is measured anew after each."""
_LEAST_PROVED = """DELETE FROM patterns WHERE id IN (SELECT id FROM patterns WHERE said_by = ''
    ORDER BY wins - 2 * (losses + relapses), COALESCE(credited_at, created_at)
    LIMIT MIN(:some, MAX(0, (SELECT COUNT(*) FROM patterns) - :patterns)))"""
_CUTTABLE = """SELECT MAX(id) AS upto, COUNT(*) AS n FROM
    (SELECT id, at, ROW_NUMBER() OVER (ORDER BY id) AS n FROM audit ORDER BY id LIMIT 10 * :cut)
    WHERE at < :audit OR n <= (SELECT COUNT(*) FROM audit) - :audited"""


class Retention(Audited):
    _hourly_at = float("-inf")

    def tidy(self, now: float, keep: Keep = KEEP) -> None:
        """Once a sweep: make the reserve again, remove some of what is older than the retention, give space back."""
        limits = _limits(now, keep)
        self._sweep(_SWEEPS, limits)
        if abs(now - self._hourly_at) >= HOUR:  # a clock that was set back must not put it off
            self._hourly_at = now
            self._tidy_hourly(limits)
        self.ledger.shrink()

    def _tidy_hourly(self, limits: dict[str, object]) -> None:
        """What has to look at many rows."""
        while_some(lambda: self._sweep(_HOURLY, limits))
        while_some(lambda: self._drop_patterns(limits))
        while_some(lambda: is_larger(self.ledger, limits["file_bytes"]) and self._sweep((_OLDEST,), limits))
        cuttable = self.ledger.rows(_CUTTABLE, limits)[0]
        if cuttable["n"] >= limits["cut"]:
            self.cut_audit(cuttable["upto"])

    @transaction
    def _sweep(self, sweeps: tuple[str, ...], limits: dict[str, object]) -> int:
        return sum(self.ledger.run(sweep, limits) for sweep in sweeps)

    @transaction
    def _drop_patterns(self, limits: dict[str, object]) -> int:
        """Those that proved least; never what a person said a word on."""
        if gone := self.ledger.run(_LEAST_PROVED, limits):
            self.audit(ITSELF, "patterns dropped", {"count": gone, "kept": limits["patterns"]})
        return gone


def while_some(work: Callable[[], int]) -> None:
    """As long as there is something to remove, and not for ever."""
    for _ in range(ROUNDS):
        if not work():
            break


def is_larger(ledger: Ledger, size: object) -> bool:
    """Whether what is in the file takes more than that; pages that are free count as gone."""
    pages, free, page = (ledger.rows(f"PRAGMA {name}")[0][name] for name in ("page_count", "freelist_count", "page_size"))
    return bool((pages - free) * page > size)


def _limits(now: float, keep: Keep) -> dict[str, object]:
    alerts = {"silent": utc(now - ALERT_SECONDS), "ended": utc(now - keep.alerts_days * DAY)}
    times = {"now": utc(now), "incidents": utc(now - INCIDENTS_DAYS * DAY), "observed": utc(now - keep.evidence_days * DAY)}
    return {**asdict(keep), **alerts, **times, "audit": utc(now - AUDIT_DAYS * DAY), "some": AT_ONCE}
