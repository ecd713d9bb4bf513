"""Every table has an end, and what is live has none."""

import time

from orchestrator.model import Status, utc
from orchestrator.store import Store, retention
from tests.store.made import a_begun_change, a_fault, an_incident, rows

LATER = time.time() + (retention.INCIDENTS_DAYS + 1) * retention.DAY


def test_old_closed_incidents_go_with_all_that_belongs_to_them(store: Store) -> None:
    """After the retention a closed incident is gone; a live one stays however old it is, and ids are never used again."""
    closed, live = an_incident(store, a_fault("a", "a")), an_incident(store, a_fault("b", "b"))
    for task_id in (closed, live):
        a_begun_change(store, task_id)
    store.close(closed, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.tidy(time.time())
    assert len(rows(store, "SELECT id FROM tasks")) == 2
    store.tidy(LATER)
    assert rows(store, "SELECT id FROM tasks") == [{"id": live}]
    assert rows(store, "SELECT task_id FROM attempts") == [{"task_id": live}]
    assert len(rows(store, "SELECT id FROM changes")) == 1
    store.close(live, Status.CLEARED, phase=1, fix_successful=None, resolution="")
    store.tidy(LATER)
    assert an_incident(store) == live + 1


def test_a_symptom_outlives_the_end_of_its_root(store: Store) -> None:
    """A live row is not removed with a root that was closed long ago."""
    both = (a_fault("mount"), a_fault("web.service"))
    store.observe("unit_failed", both, time.time(), lambda _faults: {"unit_failed:web.service": "unit_failed:mount"})
    store.ledger.run("UPDATE tasks SET resolved_at = ?, status = 'fixed' WHERE id = 1", (utc(0),))
    store.tidy(time.time())
    assert rows(store, "SELECT id, root_id FROM tasks") == [{"id": 2, "root_id": None}]
    assert store.observe("unit_failed", (a_fault("web.service"),), time.time()).opened == (2,)


def test_decisions_and_windows_end_too(store: Store) -> None:
    """What people did is kept for its time; what nobody answered is kept for ever."""
    store.pause("web", until=time.time(), reason="deploy", actor="eve")
    for answered in (utc(), None):
        row = {"at": utc(), "actor": "eve", "verb": "approve", "args": "{}", "answered_at": answered}
        store.ledger.insert("inbox", row)
    store.tidy(time.time() + (retention.AUDIT_DAYS + 1) * retention.DAY)
    counts = {name: rows(store, f"SELECT COUNT(*) AS n FROM {name}")[0]["n"] for name in ("inbox", "windows")}  # noqa: S608  # names of this file
    assert counts == {"inbox": 1, "windows": 0}


def test_calls_of_models_end_too(store: Store) -> None:
    """Those that are as old as incidents become, and the days whose budget was spent."""
    for began in (utc(0), utc()):
        row = {"phase": 2, "expert": "e", "backend": "b", "model": "m", "tokens_in": 1, "tokens_out": 1, "dollars": 1, "run": "1-a"}
        store.ledger.insert("model_calls", {**row, "began_at": began})
        store.ledger.insert("spent_days", {"day": began[:10], "since": began, "last_at": began, "refused": 1, "reason": "spent"})
    store.tidy(time.time())
    assert rows(store, "SELECT id FROM model_calls") == [{"id": 2}]
    assert rows(store, "SELECT day FROM spent_days") == [{"day": utc()[:10]}]
