"""`audit`: who did what, and whether anybody changed what is written there."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from orchestrator.actions import parse
from orchestrator.config import load
from orchestrator.hands.record import Entry, Record
from orchestrator.model import Action, digest
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.store.made import a_begun_change, a_proposal, an_incident


@pytest.fixture
def record(config_file: Path) -> Record:
    """The hands' own."""
    return Record(load(config_file).hands_dir / "record")


def entry(change: int, action: Action, **more: object) -> Entry:
    told = {"op": "perform", "at": time.time() - 60, "kind": action.kind, "targets": action.targets(), "before": {}}
    return Entry.model_validate({"id": change, "hash": digest(action.model_dump()), **told, **more})


def test_it_is_listed_and_filtered(call: Call, store: Store) -> None:
    """By whom, by what, people alone, and for programs."""
    number = store.teach("s", a_proposal().plan, "x")
    store.forget(number, "eve")
    assert [line.split()[4] for line in call("audit").stdout.splitlines()[1:]] == ["orchestrator", "eve"]
    (row,) = json.loads(call("audit", "--actor", "eve", "--json").stdout)
    assert (row["what"], row["detail"]["signature"]) == ("pattern forgotten", "s")
    assert len(json.loads(call("audit", "--what", "pattern taught", "--json").stdout)) == 1
    assert len(json.loads(call("audit", "--people", "--json").stdout)) == 1
    assert call("audit", "--actor", "adam").stdout == "nothing of that kind\n"


def test_an_audit_that_is_whole_is_0(call: Call, store: Store, record: Record) -> None:
    """What could be compared, and what could not, is said."""
    _, change = a_begun_change(store, an_incident(store))
    record.append(entry(change, a_proposal().plan[0]))
    store.change_done(change)
    result = call("audit", "verify")
    assert result.exit_code == 0
    assert "3 rows fit one another" in result.stdout
    assert "the hands' record of 1 changes" in result.stdout


def test_a_tampered_row_is_1_and_named(call: Call, store: Store, state_dir: Path) -> None:
    """As somebody does it who may write the file."""
    store.forget(store.teach("s", a_proposal().plan, "x"), "eve")
    with sqlite3.connect(state_dir / "tasks.db") as file:
        file.execute("DROP TRIGGER audit_is_kept_as_it_is")
        file.execute("UPDATE audit SET actor = 'adam' WHERE id = 2")
    result = call("audit", "verify")
    assert result.exit_code == 1
    assert "WRONG: row 2 (" in result.stdout


def test_what_the_hands_did_and_the_brain_does_not_tell_is_1(call: Call, store: Store, record: Record) -> None:
    """One under another action's number, one taken back in silence, and one that never was."""
    number = an_incident(store)
    action = a_proposal().plan[0]
    other = parse({"kind": "restart_unit", "unit": "sshd.service"})
    attempt, first = a_begun_change(store, number)
    second, third, fourth = (store.begin_change(attempt, n, action, {}) for n in (2, 3, 4))
    for change in (first, second, third, fourth):
        store.change_done(change)
    record.append(entry(first, action, at=time.time()))
    record.append(entry(second, other, at=time.time()))
    record.append(entry(third, action))
    record.append(entry(third, action, op="undone"))
    found = call("audit", "verify")
    lines = [line for line in found.stdout.splitlines() if line.startswith("WRONG")]
    assert found.exit_code == 1
    assert any(f"change {second} (restart_unit sshd.service)" in line and "another action under this number" in line for line in lines)
    assert any(f"change {third} " in line and "took it back" in line for line in lines)
    assert any(f"change {fourth} is done, and the hands' record has none" in line for line in lines)
    assert not any(f"change {first} " in line for line in lines)
