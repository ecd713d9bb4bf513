"""Alerts of another watcher: a real Alertmanager calls, and what it says becomes a row that the daemon reads."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
import requests
from waitress.server import create_server
from werkzeug.test import TestResponse

from dashboard.app import create
from escalation.doors import Doors
from orchestrator.config import Config
from orchestrator.store import Store
from tests.browser.site import free_port
from tests.dashboard.conftest import Browser
from tests.debs import program
from tests.hostile import LINES

PATIENCE = 30.0


def alert(name: str = "ShopDown", **more: Any) -> dict[str, Any]:
    labels = {"alertname": name, "unit": "shop.service", "severity": "critical", "instance": "web1:9100", **more.pop("labels", {})}
    return {
        "status": "firing", "labels": labels, "annotations": {"summary": "nobody can buy"}, "startsAt": "2026-11-21T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus/graph", "fingerprint": f"f-{name}", **more,
    }  # fmt: skip


def message(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "orchestrator", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.example:9093", "alerts": list(alerts), **more,
    }  # fmt: skip


@pytest.fixture
def config(state_dir: Path) -> Config:
    service = {"name": "shop", "unit": "shop.service"}
    return Config.model_validate({"daemon": {"state_dir": str(state_dir)}, "mail": {"enabled": False}, "service": [service]})


@pytest.fixture
def secret(doors: Doors) -> str:
    return doors.create_token("alertmanager", "alerts", "anna")


def send(browser: Browser, secret: str, body: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    return browser.client.post("/api/v1/alerts", base_url="http://127.0.0.1:8888", data=data, headers=headers)


def rows(store: Store) -> list[dict[str, Any]]:
    return store.ledger.rows("SELECT key, name, target, summary, severity, source, ended_at IS NOT NULL AS over FROM alerts ORDER BY id")


def test_an_alert_becomes_a_row_and_ends(stranger: Browser, store: Store, secret: str) -> None:
    """Firing, said again, and resolved: one row, in the words of the alert, and over in the end."""
    for _ in range(2):
        told = send(stranger, secret, message(alert()))
        assert (told.status_code, told.json) == (200, {"taken": 1, "resolved": 0, "dropped": 0, "not_understood": []})
    told_of = {"key": "f-ShopDown", "name": "ShopDown", "target": "shop.service", "summary": "nobody can buy", "severity": "critical"}
    assert rows(store) == [{**told_of, "source": "alertmanager am.example", "over": 0}]
    ended = send(stranger, secret, message(alert(status="resolved"), status="resolved")).json
    assert ended == {"taken": 0, "resolved": 1, "dropped": 0, "not_understood": []}
    assert [row["over"] for row in rows(store)] == [1]


def test_what_names_nothing_here_is_told_and_left_out(stranger: Browser, store: Store, secret: str) -> None:
    """The rest of the message counts; the answer says which was left out and why."""
    told = send(stranger, secret, message(alert(), alert("Elsewhere", labels={"unit": "", "service": "other"}))).json
    assert told is not None
    assert told["taken"] == 1
    ((strange),) = told["not_understood"]
    assert (strange["fingerprint"], strange["name"]) == ("f-Elsewhere", "Elsewhere")
    assert "other" in strange["why"]
    assert [row["name"] for row in rows(store)] == ["ShopDown"]


def test_hostile_words_stay_words(stranger: Browser, store: Store, secret: str) -> None:
    """Whatever an alert says, it is stored as one bounded line, and only its labels name a target."""
    for n, line in enumerate(LINES):
        text = line[:9000]
        sent = alert(text, fingerprint=f"h{n}", annotations={"summary": text}, labels={"instance": text, "unit": "shop.service"})
        assert send(stranger, secret, message(sent)).status_code == 200
    for row in rows(store):
        assert row["target"] == "shop.service"
        assert len(row["summary"]) <= 1000
        assert "\n" not in row["summary"]


WRONG: tuple[tuple[Any, int], ...] = (
    ({}, 422),
    (message(alert(), version="3"), 422),
    (message(alert(status="burning")), 422),
    (message(alert(fingerprint="")), 422),
    (message(alert(startsAt="yesterday")), 422),
    (message({**alert(), "labels": {"alertname": 1}}), 422),
    (message({**alert(), "labels": "unit"}), 422),
    (message(*[alert(f"a{n}") for n in range(1001)]), 422),
    (message(alert(startsAt="9999-12-31T23:59:59Z")), 200),
    (message(alert(startsAt="0001-01-01T00:00:00Z")), 200),
    (message(alert(startsAt="2026-11-21T10:00:00")), 200),
    (message(alert(labels={"unit": "shop.service\x00; rm"})), 200),
    (message(), 200),
    (b"[]", 422),
    (b"null", 422),
    (b"\xff", 400),
)


@pytest.mark.parametrize(("body", "status"), WRONG)
def test_what_is_no_message_is_refused(stranger: Browser, store: Store, secret: str, body: Any, status: int) -> None:
    """In words, and never a 500."""
    del store
    assert send(stranger, secret, body).status_code == status


def test_only_a_token_for_it_may_hand_in(stranger: Browser, store: Store, doors: Doors) -> None:
    """One that may only look may not; one that may act may."""
    del store
    assert send(stranger, doors.create_token("r", "read", "anna"), message(alert())).status_code == 403
    assert send(stranger, doors.create_token("w", "write", "anna"), message(alert())).status_code == 200
    assert send(stranger, "orc_a_wrong", message(alert())).status_code == 401


@contextmanager
def serving(application: WSGIApplication, port: int) -> Iterator[None]:
    """waitress, as the dashboard's process has it."""
    server = create_server(application, host="127.0.0.1", port=port)
    worker = threading.Thread(target=server.run)
    worker.start()
    try:
        yield
    finally:
        server.close()
        worker.join(10)


@contextmanager
def alertmanager(folder: Path, port: int, secret: str) -> Iterator[str]:
    """Debian's own, which tells our webhook at once; its address."""
    own = free_port()
    (folder / "am.yml").write_text(
        f"""route: {{receiver: host, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: host
    webhook_configs:
      - url: http://127.0.0.1:{port}/api/v1/alerts
        send_resolved: true
        http_config: {{authorization: {{credentials: {secret}}}}}
"""
    )
    binary = program("prometheus-alertmanager", "usr/bin/prometheus-alertmanager")
    # It knows its templates by the place that the package would have put them at; where they lie here, in a world of its own.
    there = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else []), "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"']
    command = [
        *there, str(binary.parents[1] / "share"),
        str(binary), f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{own}", "--cluster.listen-address=",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{own}"
    with (folder / "am.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as running:
        try:
            wait_for(lambda: running.poll() is None and _ready(address), folder)
            yield address
        finally:
            running.terminate()


def _ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/-/ready", timeout=2).ok
    except requests.ConnectionError:
        return False


def wait_for(condition: Any, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, (folder / "am.log").read_text(encoding="utf-8")[-2000:]
        time.sleep(0.05)


def test_a_real_alertmanager_is_understood(tmp_path: Path, state_dir: Path, store: Store, secret: str) -> None:
    """An alert is posted to it; it calls us with its token, and the row is there; resolved there, it is over here."""
    port = free_port()
    settings = {"daemon": {"state_dir": str(state_dir)}, "dashboard": {"port": port}, "service": [{"name": "shop", "unit": "shop.service"}]}
    said: Any = {"labels": {"alertname": "ShopDown", "service": "shop", "severity": "page"}, "annotations": {"summary": "nobody can buy"}}
    with serving(create(Config.model_validate(settings)), port), alertmanager(tmp_path, port, secret) as address:
        assert requests.post(f"{address}/api/v2/alerts", json=[said], timeout=10).ok
        wait_for(lambda: rows(store), tmp_path)
        (row,) = rows(store)
        assert (row["name"], row["target"], row["severity"], row["over"]) == ("ShopDown", "shop.service", "critical", 0)
        over = {**said, "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))}
        assert requests.post(f"{address}/api/v2/alerts", json=[over], timeout=10).ok
        wait_for(lambda: rows(store)[0]["over"], tmp_path)
