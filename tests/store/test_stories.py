"""A story is told in full, or by its newest part with how much is left out; never without a bound."""

from pathlib import Path

from escalation import Desk
from escalation.timeline import timeline
from orchestrator.config import Mail
from orchestrator.model import utc
from orchestrator.store import Reader, Store
from orchestrator.store.stories import CHANGES, MOST, TEXT_CHARACTERS
from tests.store.made import a_begun_change, an_incident, rows

TOO_MANY = 5000


def test_of_too_much_the_newest_is_told(store: Store, state_dir: Path) -> None:
    """Ten thousand observations and five thousand attempts are a page still, which says what it leaves out."""
    row = an_incident(store)
    attempt, _ = a_begun_change(store, row)
    (columns,) = rows(store, "SELECT group_concat(name) AS names FROM pragma_table_info('attempts') WHERE name != 'id'")
    copy = f"INSERT INTO attempts ({columns['names']}) SELECT {columns['names']} FROM attempts WHERE id = ?"  # noqa: S608  # the schema's names
    see = "INSERT INTO evidence (task_id, source, text, at) VALUES (?, 'journal', ?, ?)"
    with store.ledger.db.atomic():
        store.ledger.db.conn.executemany(see, ((row, f"line {n}", utc(n)) for n in range(2 * TOO_MANY)))
        store.ledger.db.conn.executemany(copy, ((attempt,) for _ in range(TOO_MANY)))
    story = Reader(state_dir).story(row)
    assert story is not None
    assert story["left_out"] == {"evidence": 2 * TOO_MANY - MOST["evidence"], "attempts": TOO_MANY + 1 - MOST["attempts"]}
    assert [item["text"] for item in story["evidence"]][-1] == f"line {2 * TOO_MANY - 1}"
    assert [item["id"] for item in story["attempts"]] == list(range(TOO_MANY + 2 - MOST["attempts"], TOO_MANY + 2))
    assert timeline(story)


def test_changes_of_one_attempt_end_too(store: Store, state_dir: Path) -> None:
    """What was begun first is told."""
    row = an_incident(store)
    _, change = a_begun_change(store, row)
    columns = "attempt_id, n, action, before, begun_at"
    again = f"INSERT INTO changes ({columns}) SELECT {columns} FROM changes WHERE id = ?"  # noqa: S608  # names of this function
    for _ in range(CHANGES + 5):
        store.ledger.run(again, (change,))
    story = Reader(state_dir).story(row)
    assert story is not None
    assert [item["id"] for item in story["attempts"][0]["changes"]] == list(range(1, CHANGES + 1))


def test_a_long_observation_keeps_its_end(store: Store, state_dir: Path) -> None:
    """The end of a log is what tells; what was before is counted."""
    row = an_incident(store)
    store.ledger.insert("evidence", {"task_id": row, "source": "journal", "text": "x" * TEXT_CHARACTERS + "the end", "at": utc()})
    story = Reader(state_dir).story(row)
    assert story is not None
    (seen,) = story["evidence"]
    assert seen["text"].startswith("[7 characters before are left out]\nx")
    assert seen["text"].endswith("xthe end")


def test_notes_of_an_escalation_end_too(store: Store, state_dir: Path) -> None:
    """A program that writes notes without end cannot make the page one."""
    case = store.case(an_incident(store))
    assert case is not None
    with Desk(state_dir, Mail(), "h") as desk:
        number = desk.escalate(case.incident, "nothing left", body="")
        with desk.ledger.db.atomic():
            write = "INSERT INTO notes (escalation_id, at, actor, text) VALUES (?, ?, 'eve', ?)"
            desk.ledger.db.conn.executemany(write, ((number, utc(), f"note {n}") for n in range(1000)))
    found = Reader(state_dir).escalation(number)
    assert found is not None
    assert len(found["notes"]) == MOST["notes"]
    assert found["left_out"] == {"notes": 1001 - MOST["notes"]}
    assert found["notes"][-1]["text"] == "note 999"


def test_a_decision_that_is_no_json_hides_no_story(store: Store, state_dir: Path) -> None:
    """The inbox is a file that others may write: what cannot be read is about nothing."""
    row = an_incident(store)
    store.ledger.insert("inbox", {"at": utc(), "actor": "eve", "verb": "approve", "args": "{not json"})
    store.ledger.insert("inbox", {"at": utc(), "actor": "anna", "verb": "retry", "args": f'{{"task_id": {row}}}'})
    story = Reader(state_dir).story(row)
    assert story is not None
    assert [item["actor"] for item in story["decisions"]] == ["anna"]
