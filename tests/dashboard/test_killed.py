"""kill -9 of the dashboard at each step of a click: sent again, the same form does what is still to do, and nothing twice."""

import contextlib
import os
import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.app import create
from escalation import Desk, FrontDesk
from escalation.operator import Operator
from orchestrator.config import Config
from orchestrator.model import Json
from orchestrator.store import Inbox, Store
from tests.cli.scenes import asked, escalated, fault
from tests.dashboard.conftest import Browser

STEPS: dict[str, Callable[[], tuple[type, str]]] = {
    "the change at the desk": lambda: (FrontDesk, "once"),
    "the note": lambda: (FrontDesk, "note"),
    "the decision": lambda: (Inbox, "put"),
    "the whole act": lambda: (Operator, "perform"),
}
_TIMES = ("at", "looked_at", "acknowledged_at", "acknowledged_until", "resolved_at", "created_at", "updated_at", "answered_at", "last_seen")


@pytest.fixture
def forms(store: Store, desk: Desk) -> dict[str, Json]:
    """What anna sends: each form's path and fields."""
    _, escalation = escalated(store, desk, fault("till.service", "till.service failed"))
    _, question, _ = asked(store, desk)
    return {
        f"/escalations/{escalation}/ack": {"note": "on it"},
        f"/escalations/{escalation}/note": {"text": "the fuse is blown"},
        f"/escalations/{escalation}/resolve": {"resolution": "a fuse", "anyway": "true", "plan": "restart_unit unit=shop.service"},
        f"/escalations/{question}/reject": {"reason": "not that one"},
        "/host/pause": {"service": "shop.service", "seconds": "3600", "reason": "moving"},
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_click_outlives_the_dashboard(
    anna: Browser, config: Config, forms: dict[str, Json], state_dir: Path, store: Store, desk: Desk, step: str
) -> None:
    """Each form, killed right after the step, then sent again: the rows are those of a click that nothing came between."""
    token, (cookie,) = anna.csrf_token(), [item for item in (anna.client._cookies or {}).values() if item.key == "orchestrator_8888"]
    cookies = {cookie.key: cookie.value}
    store.shut()
    desk.close()
    files = {name: _whole(state_dir / name) for name in ("tasks.db", "escalations.db")}
    died = 0
    for path, fields in forms.items():
        form = {**fields, "csrf_token": token, "once": "f0"}
        _restore(state_dir, files)
        _send(config, cookies, path, form)
        undisturbed = _rows(state_dir)
        _restore(state_dir, files)
        died += _killed(config, cookies, path, form, step)
        _send(config, cookies, path, form)
        assert _rows(state_dir) == undisturbed, (step, path)
    assert died, f"no form ever came to {step}"


def test_without_its_name_a_form_sent_twice_would_be_two_notes(anna: Browser, forms: dict[str, Json], desk: Desk) -> None:
    """The other half of the proof; and two notes of the same words from two forms are two."""
    path = next(path for path in forms if path.endswith("/note"))
    for name in ("f1", "f1", "f2"):
        assert anna.act(path, text="the fuse is blown", once=name).status_code == 303
    assert len(desk.ledger.rows("SELECT 1 FROM notes WHERE text = 'the fuse is blown'")) == 2


def _browser(config: Config, cookies: dict[str, str]) -> Browser:
    browser = Browser(create(config))
    for name, value in cookies.items():
        browser.client.set_cookie(name, value, domain="127.0.0.1")
    return browser


def _send(config: Config, cookies: dict[str, str], path: str, form: Json) -> None:
    assert _browser(config, cookies).post(path, form).status_code == 303, path


def _killed(config: Config, cookies: dict[str, str], path: str, form: Json, step: str) -> bool:
    """Send it in a process of its own, which dies right after the step; whether it came so far."""
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    try:
        owner, name = STEPS[step]()
        method = getattr(owner, name)

        def deadly(*arguments: Any, **named: Any) -> Any:
            method(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, deadly)
        _browser(config, cookies).post(path, form)
    finally:
        os._exit(0)


def _whole(file: Path) -> bytes:
    """With what still stands in its log."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def _restore(state_dir: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        for file in state_dir.glob(f"{name}*"):
            file.unlink()
        (state_dir / name).write_bytes(data)


def _rows(state_dir: Path) -> dict[str, list[Json]]:
    """Every row that a form can change, without the times."""
    with Store(state_dir) as store, FrontDesk(state_dir) as desk:
        tables = {store.ledger: ("inbox",), desk.ledger: ("escalations", "interventions", "notes", "tellings")}
        return {
            table: [_timeless(row) for row in ledger.rows(f"SELECT * FROM {table}")]  # noqa: S608  # a name of ours
            for ledger, names in tables.items()
            for table in names
        }


def _timeless(row: Json) -> Json:
    kept = {name: value for name, value in row.items() if name not in _TIMES}
    return kept | ({"args": re.sub(r'"until":[0-9.]+', "", row["args"])} if "args" in row else {})
