"""The audit: only ever added to, each row chained to the one before, and whatever is changed in it is found."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from orchestrator.model import Json, Outcome, Status, utc
from orchestrator.store import Store, StoreFailed, retention
from orchestrator.store.chain import digest_of
from orchestrator.store.retention import Keep
from orchestrator.store.verifying import Heard, Verified, verified
from tests.store.made import a_begun_change, a_fault, an_incident, rows


def verify(store: Store, *heads: Heard) -> Verified:
    (ever,) = rows(store, "SELECT COALESCE(MAX(seq), 0) AS n FROM sqlite_sequence WHERE name = 'audit'")
    return verified(rows(store, "SELECT * FROM audit ORDER BY id"), ever["n"], heads)


@pytest.fixture
def audit(store: Store) -> Store:
    """Ten rows."""
    for n in range(10):
        store.audit("eve", "clicked", {"n": n})
    return store


def forged(store: Store, sql: str, *given: object) -> None:
    """As somebody does it who may write the file, and knows how to go past its triggers."""
    with sqlite3.connect(store.ledger.path) as file:
        for name in ("audit_is_kept_as_it_is", "audit_is_cut_by_its_anchor_alone"):
            file.execute(f"DROP TRIGGER IF EXISTS {name}")
        file.execute(sql, given)


def test_what_the_daemon_does_is_written_with_what_it_tells_of(store: Store) -> None:
    """Each verdict, change, what came of it and what was learned is one row, and all of them are a chain."""
    number = an_incident(store)
    attempt, change = a_begun_change(store, number)
    store.change_done(change)
    store.change_undone(change)
    store.change_failed(change, {"ok": False, "refused": True, "detail": "no"}, undoing=True)
    store.end_attempt(attempt, Outcome.ROLLED_BACK, "password=hunter2 did not help")
    told = [(row["what"], json.loads(row["detail"])) for row in rows(store, "SELECT * FROM audit ORDER BY id")]
    assert [what for what, _ in told] == ["verdict", "change begun", "change done", "change undone", "undo failed", "outcome"]
    assert told[0][1]["verdict"] == "allow"
    assert told[1][1]["targets"] == ["web.service"]
    assert told[5][1] == {"attempt": attempt, "outcome": "rolled_back", "detail": "password=[masked] did not help"}
    assert verify(store) == Verified(rows=6)


def test_a_verdict_and_its_row_are_one_transaction(store: Store) -> None:
    """What cannot be audited is not done: neither is written."""
    number = an_incident(store)
    store.ledger.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StoreFailed):
        a_begun_change(store, number)
    assert rows(store, "SELECT id FROM attempts") == []


def test_nothing_of_it_can_be_changed_or_removed(audit: Store) -> None:
    """Neither by mistake nor by a statement that runs wild."""
    for sql in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 10"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            audit.ledger.run(sql)
    assert verify(audit) == Verified(rows=10)


@pytest.mark.parametrize("column", ["at", "actor", "what", "detail", "digest"])
def test_a_changed_column_is_found(audit: Store, column: str) -> None:
    """Whichever it is: the row is named."""
    forged(audit, f"UPDATE audit SET {column} = 'x' WHERE id = 5")  # noqa: S608  # a name of this file
    assert verify(audit).wrong[0].startswith("row 5 (")


def test_a_changed_number_is_found(audit: Store) -> None:
    """Where it was is a hole."""
    forged(audit, "UPDATE audit SET id = 50 WHERE id = 5")
    assert "row 5 is missing" in verify(audit).wrong


def test_a_value_of_another_kind_is_found(audit: Store) -> None:
    """A file keeps what anybody puts into it: bytes, where there was text."""
    forged(audit, "UPDATE audit SET actor = x'657665' WHERE id = 10")
    (found,) = verify(audit).wrong
    assert "b'eve': clicked) is not as it was written" in found


def test_a_removed_row_is_found(audit: Store) -> None:
    """In the middle, at the beginning, at the end: each by its number."""
    for number, word in ((5, "row 5 is missing"), (1, "row 1 is missing at the beginning"), (10, "row 10 is missing at the end")):
        forged(audit, "DELETE FROM audit WHERE id = ?", number)
        assert any(line.startswith(word) for line in verify(audit).wrong), number
    forged(audit, "DELETE FROM audit")
    assert verify(audit).wrong == ("rows 1 to 10 are missing at the end",)


def test_two_rows_that_changed_places_are_found(audit: Store) -> None:
    """Both keep their content and their digest, and stand where the other stood."""
    for was, becomes in ((5, 99), (6, 5), (99, 6)):
        forged(audit, "UPDATE audit SET id = ? WHERE id = ?", becomes, was)
    assert [line.split(" (")[0] for line in verify(audit).wrong[:2]] == ["row 5", "row 6"]


def test_an_end_that_was_cut_is_found_by_the_head_that_others_keep(audit: Store) -> None:
    """Even where whoever cut it knew to set the counter back."""
    head = audit.audit_head()
    assert head is not None
    kept = Heard(at=utc(), row=head.row, digest=head.digest)
    assert verify(audit, kept) == Verified(rows=10, heads=1)
    forged(audit, "DELETE FROM audit WHERE id > 8")
    forged(audit, "UPDATE sqlite_sequence SET seq = 8 WHERE name = 'audit'")
    assert verify(audit) == Verified(rows=8), "the file alone cannot tell"
    assert verify(audit, kept).wrong == (f"the journal heard of row 10 at {kept.at}, and the audit ends with row 8",)
    for n in range(3):
        audit.audit("eve", "clicked", {"n": n})
    assert verify(audit, kept).wrong == (f"the journal heard of row 10 at {kept.at} as of another one: the audit was written anew, there or before",)  # noqa: E501  # fmt: skip


def test_a_forged_row_is_found(audit: Store) -> None:
    """Put in between with a digest that fits the row before, it does not fit the next; with all digests anew, the kept head tells."""
    head = audit.audit_head()
    assert head is not None
    kept = Heard(at=utc(), row=head.row, digest=head.digest)
    before = rows(audit, "SELECT digest FROM audit WHERE id = 4")[0]["digest"]
    row: Json = {"id": 5, "at": utc(), "actor": "eve", "what": "approve", "detail": "{}"}
    forged(audit, "DELETE FROM audit WHERE id = 5")
    forged(audit, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", *row.values(), digest_of(before, row))
    assert [line.split(" (")[0] for line in verify(audit).wrong] == ["row 6"]
    for written in rows(audit, "SELECT * FROM audit WHERE id >= 5 ORDER BY id"):
        before = digest_of(before, written)
        forged(audit, "UPDATE audit SET digest = ? WHERE id = ?", before, written["id"])
    assert verify(audit) == Verified(rows=10)
    assert len(verify(audit, kept).wrong) == 1


def test_the_retention_cuts_with_an_anchor_and_the_rest_still_verifies(audit: Store) -> None:
    """What is too old goes at once, what stays is chained to the anchor; and an anchor covers no other hole."""
    keep = Keep(audited=6, cut=3)
    audit.tidy(time.time(), keep)
    assert verify(audit) == Verified(rows=11), "the anchor is there, and nothing is gone yet"
    audit.tidy(time.time(), keep)
    assert [row["id"] for row in rows(audit, "SELECT id FROM audit ORDER BY id")] == [*range(5, 12)]
    assert verify(audit) == Verified(rows=7)
    forged(audit, "DELETE FROM audit WHERE id = 5")
    assert verify(audit).wrong == ("rows 1 to 5 are missing at the beginning, and no cut of the retention's tells of that",)


def test_a_cut_that_is_half_done_verifies(audit: Store) -> None:
    """The anchor comes first: a death after it leaves rows that may go, and that still fit."""
    audit.cut_audit(4)
    audit.ledger.run("DELETE FROM audit WHERE id <= 2")
    assert verify(audit) == Verified(rows=9)
    forged(audit, "UPDATE audit SET digest = 'x' WHERE id = 4")
    assert verify(audit).wrong[0].startswith("row 4 (")


def test_rows_of_an_earlier_version_are_taken_over(audit: Store, state_dir: Path) -> None:
    """The chain begins with the first row that there is, whoever wrote it."""
    before = rows(audit, "SELECT id, at, actor, what, detail FROM audit ORDER BY id")
    forged(audit, "DELETE FROM _sqlite_migrations WHERE name = 'm014_chain'")
    for sql in ("DROP TABLE carried", "DROP TABLE configuration", "DROP TABLE audit_anchor", "DROP INDEX audit_marks"):
        forged(audit, sql)
    forged(audit, "ALTER TABLE audit DROP COLUMN digest")
    audit.shut()
    with Store(state_dir) as migrated:
        assert rows(migrated, "SELECT id, at, actor, what, detail FROM audit ORDER BY id") == before
        assert verify(migrated) == Verified(rows=10)
        migrated.audit("eve", "clicked", {})
        assert verify(migrated) == Verified(rows=11)


def test_what_people_did_at_the_desk_is_taken_over_once(store: Store) -> None:
    """The mark moves with the rows: a death before it leaves them all, one after it none."""
    act: Json = {"actor": "eve", "what": "acknowledged", "detail": {"escalation": 4}}
    store.carry("notes", "0")
    store.carry("notes", "7", [act, {**act, "what": "note"}])
    assert store.carried("notes") == "7"
    assert [row["what"] for row in rows(store, "SELECT what FROM audit ORDER BY id")] == ["acknowledged", "note"]


def test_a_changed_configuration_is_told_by_its_keys(store: Store) -> None:
    """Which ones, and never what stands in them; the same again is told as unchanged."""
    store.note_configuration({"daemon.mode": "1", "mail.to": "2"}, {"why": "start"})
    assert store.note_configuration({"daemon.mode": "1", "mail.to": "2"}, {"why": "start"}) == ()
    assert store.note_configuration({"daemon.mode": "3", "mail.host": "4"}, {"why": "reload"}) == ("daemon.mode", "mail.host", "mail.to")
    last = json.loads(rows(store, "SELECT detail FROM audit ORDER BY id DESC LIMIT 1")[0]["detail"])
    assert last == {"why": "reload", "changed": ["daemon.mode", "mail.host", "mail.to"]}


def test_the_audit_outlives_its_incidents(store: Store) -> None:
    """What was judged and done is known when the incident is gone."""
    number = an_incident(store, a_fault("a", "a"))
    a_begun_change(store, number)
    store.close(number, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.tidy(time.time() + (retention.INCIDENTS_DAYS + 1) * retention.DAY)
    assert rows(store, "SELECT id FROM attempts") == []
    assert [row["what"] for row in rows(store, "SELECT what FROM audit ORDER BY id")] == ["verdict", "change begun"]
