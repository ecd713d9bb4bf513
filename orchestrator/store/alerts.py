"""What other watchers say: alerts as rows, written beside the running daemon, which reads them and looks for itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.config import Config
from orchestrator.masking import mask
from orchestrator.model import Alert, Json, Severity, Word, epoch, is_unit, utc
from orchestrator.store.base import Part, stamp
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction
from orchestrator.store.migrations import tasks
from orchestrator.store.rows import all_readable

ALERT_SECONDS = 24 * 3600.0
"""An alert that was not said again for so long is over: whoever said it is gone."""
FIRING_KEPT = 1000
NAME_CHARACTERS, SUMMARY_CHARACTERS = 200, 1000
_UNIT_LABELS = ("unit", "systemd_unit", "name")
_LABELS = (*_UNIT_LABELS, "service", "job")
"""Where a target is looked for, in this order: what names a unit comes before what names a group of them."""
_SEVERITIES = {
    "critical": Severity.CRITICAL, "page": Severity.CRITICAL, "emergency": Severity.CRITICAL, "disaster": Severity.CRITICAL,
    "high": Severity.HIGH, "error": Severity.HIGH, "major": Severity.HIGH,
    "info": Severity.INFO, "information": Severity.INFO, "none": Severity.INFO, "low": Severity.INFO,
}  # fmt: skip


class Taken(Word):
    """What became of the alerts of one message."""

    firing: int = 0
    ended: int = 0
    dropped: int = 0
    """Beyond what is kept: a sender that runs wild."""


class Alerts(Keeper):
    """tasks.db as the daemon made it; never migrates. Close it after use."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or another version did."""
        self.ledger = Ledger(state_dir / "tasks.db", tasks, migrate=False)

    @transaction
    def put(self, firing: Sequence[Alert], ended: Sequence[str] = ()) -> Taken:
        """Those that fire, and the keys of those that ended. Said again it is the same alert, seen anew. Raises StoreFailed."""
        over = sum(self.ledger.run("UPDATE alerts SET ended_at = ? WHERE key = ? AND ended_at IS NULL", (utc(), key)) for key in ended)
        known = self.ledger.rows("SELECT COUNT(*) AS n FROM alerts WHERE ended_at IS NULL")[0]["n"]
        taken = 0
        for alert in firing:
            row = _row_of(alert)
            is_new = self.ledger.row("SELECT 1 FROM alerts WHERE key = ? AND ended_at IS NULL", (row["key"],)) is None
            if is_new and known >= FIRING_KEPT:
                continue
            known += is_new
            taken += 1
            self._say(row)
        return Taken(firing=taken, ended=over, dropped=len(firing) - taken)

    def _say(self, row: Json) -> None:
        again = ", ".join(f"{name} = excluded.{name}" for name in row if name != "key")
        self.ledger.run(
            f"""INSERT INTO alerts ({", ".join(row)}) VALUES ({", ".join(f":{name}" for name in row)})
            ON CONFLICT (key) DO UPDATE SET {again}, ended_at = NULL""",  # noqa: S608  # names of columns
            row,
        )


class Firing(Part):
    @looking
    def alerts(self, now: float) -> tuple[Alert, ...]:
        """Those that fire; whose sender is silent for a day is none."""
        rows = self.ledger.rows("SELECT * FROM alerts WHERE ended_at IS NULL AND seen_at >= ? ORDER BY id", (utc(now - ALERT_SECONDS),))
        return all_readable("alert", rows, _alert_of)


def target_of(labels: Mapping[str, str], config: Config) -> tuple[str, str]:
    """Which declared service an alert's labels mean, or else which unit they name in full; or nothing, and why.

    Whether there is such a unit on this host, the daemon finds out.
    """
    for label in _LABELS:
        value = labels.get(label, "")
        for name in (value, f"{value}.service"):
            service = config.service_of(name) if value else None
            if service:
                return service.target, ""
        if label in _UNIT_LABELS and is_unit(value):
            return value, ""
    said = ", ".join(f"{label}={labels[label][:100]!r}" for label in _LABELS if labels.get(label))
    return "", f"none of its labels names a declared service, or a unit in full ({said or 'looked at: ' + ', '.join(_LABELS)})"


def severity_of(labels: Mapping[str, str]) -> Severity:
    return _SEVERITIES.get(labels.get("severity", "").lower(), Severity.WARNING)


def _row_of(alert: Alert) -> Json:
    return {
        "key": alert.key[:NAME_CHARACTERS],
        "name": _line(alert.name, NAME_CHARACTERS),
        "target": alert.target,
        "summary": _line(alert.summary, SUMMARY_CHARACTERS),
        "severity": alert.severity.value,
        "source": _line(alert.source, NAME_CHARACTERS),
        "starts_at": stamp(alert.starts_at),
        "seen_at": stamp(alert.seen_at),
    }


def _line(text: str, limit: int) -> str:
    """One line, without secrets; whoever shows it cleans it of what a terminal would obey."""
    return " ".join(mask(text).split())[:limit]


def _alert_of(row: Json) -> Alert:
    times = {name: epoch(row[name]) for name in ("starts_at", "seen_at")}
    return Alert.model_validate({**{name: row[name] for name in Alert.model_fields}, **times})
