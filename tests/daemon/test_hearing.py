"""What others leave beside the running daemon is taken up at its next turn."""

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.daemon.loop import Daemon
from orchestrator.model import Alert, Json
from orchestrator.store import Alerts


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Alive, on a host whose only service is a file that is fresh; somebody listens to what it tells systemd."""
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{short}/notify")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{short}/notify")
        yield from _living(tmp_path)


def _living(tmp_path: Path) -> Iterator[Daemon]:
    beat = tmp_path / "beat"
    beat.touch()
    config = Config.model_validate(
        {
            "daemon": {"state_dir": str(tmp_path / "state"), "boot_grace_seconds": 0},
            "mail": {"enabled": False},
            "service": [{"name": "shop", "probes": [{"file": str(beat), "max_age_seconds": 3600}]}],
        }
    )
    daemon = Daemon(config, None)
    daemon.start()
    yield daemon
    daemon.close()
    daemon._notify.socket.close()


def _incidents(daemon: Daemon, seconds: float = 20.0) -> list[Json]:
    """Those that an alert opened, once there is one and it has had its first step; what an unready host adds is not asked."""
    sql = "SELECT status, target, title, waiting_for FROM tasks WHERE check_name = 'alert' AND (waiting_for != '' OR resolved_at NOT NULL)"
    deadline = time.monotonic() + seconds
    while not (rows := daemon.store.ledger.rows(sql)) and time.monotonic() < deadline:
        daemon._wake.wait(0.1)
        daemon._wake.clear()
        daemon.tick()
    return rows


def test_an_alert_is_heard_at_the_next_turn(daemon: Daemon) -> None:
    """It opens an incident at once, not at the check's own pace, and ends with the sender's word."""
    alerts = Alerts(Path(daemon.config.daemon.state_dir))
    now = time.time()
    alerts.put([Alert(key="f1", name="HighErrorRate", target="shop", summary="5 % errors", starts_at=now, seen_at=now)])
    (row,) = _incidents(daemon)
    assert (row["target"], row["title"]) == ("shop", "alert HighErrorRate: 5 % errors")
    assert row["waiting_for"] == "what stands behind the alert is given time to show itself"
    alerts.put((), ["f1"])
    alerts.close()
    deadline = time.monotonic() + 20
    while daemon.store.live_targets() & {"shop"} and time.monotonic() < deadline:
        daemon._wake.wait(0.1)
        daemon._wake.clear()
        daemon.tick()
    assert [row["status"] for row in daemon.store.ledger.rows("SELECT status FROM tasks WHERE check_name = 'alert'")] == ["cleared"]
