"""What the daemon asks at every turn stays cheap however much there is: nothing that grows is read from end to end."""

import re
import sqlite3
import time
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Mail
from orchestrator.model import Evidence, Minute, Outcome, Status
from orchestrator.store import Store
from orchestrator.store.ledger import Ledger
from tests.store.made import a_begun_change, a_fault, a_proposal, an_incident

GROW = "attempts|changes|evidence|tasks|escalations|interventions|notes|agent_consultations|tellings|mails|told|outbox"
FROM_END_TO_END = re.compile(rf"SCAN ({GROW}|[a-z])\b(?! USING (COVERING )?INDEX)")
"""Through an index it is a partial one, of those rows alone."""


class Asked:
    """The statements of a ledger, and how SQLite goes about each."""

    def __init__(self, ledger: Ledger) -> None:
        self._connection = ledger.db.conn
        self._statements: dict[str, str] = {}
        self._connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            self._statements[re.sub(r"'[^']*'|\d+", "?", statement)] = statement

    def read_from_end_to_end(self) -> list[str]:
        self._connection.set_trace_callback(None)
        found = []
        for statement in self._statements.values():
            plan = [row[-1] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            found += [f"{step}: {statement}" for step in plan if FROM_END_TO_END.match(step)]
        assert len(self._statements) > 5
        return found


@pytest.mark.parametrize("file", ["tasks.db", "escalations.db"])
def test_what_a_removal_must_look_for_has_an_index(store: Store, state_dir: Path, file: str) -> None:
    """Each row that is removed asks who refers to it: without an index that reads a whole table for every row of a sweep."""
    assert store
    Desk(state_dir, Mail(), "h").close()
    db = sqlite3.connect(state_dir / file)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    refer = {(table, row[3]) for table in tables for row in db.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,))}
    first = "SELECT i.name FROM pragma_index_list(?) AS l JOIN pragma_index_info(l.name) AS i WHERE i.seqno = 0"
    found = {(table, name) for table in tables for (name,) in db.execute(first, (table,))}
    keys = {(table, row[1]) for table in tables for row in db.execute("SELECT * FROM pragma_table_info(?)", (table,)) if row[5] == 1}
    db.close()
    assert len(refer) >= 4
    assert refer - found - keys == set()


def test_no_turn_of_the_daemon_reads_all_that_ever_was(store: Store, state_dir: Path) -> None:
    """Looks, repairs, hand-overs, deliveries and sweeps: what each asks is found by an index."""
    with Desk(state_dir, Mail(), "h") as desk:
        of_store, of_desk = Asked(store.ledger), Asked(desk.ledger)
        now = time.time()
        healed, handed_over = an_incident(store, a_fault("a", "a")), an_incident(store, a_fault("b", "b"))
        store.add_evidence(healed, [Evidence(source="journal", text="gone")])
        attempt, change = a_begun_change(store, healed)
        store.change_done(change)
        store.end_attempt(attempt, Outcome.HEALED, "")
        store.close(healed, Status.FIXED, phase=1, fix_successful=True, resolution="")
        store.escalated(handed_over, reason="nothing left")
        case = store.case(handed_over)
        assert case is not None
        number = desk.escalate(case.incident, "nothing left", body="", kind="approval", proposal=a_proposal(), expires_at=now + 60)
        desk.minutes(handed_over, [Minute(expert="sceptic", stance="person")])
        desk.ack(number, "eve")
        for _ in range(2):
            store.observe("a", (a_fault("a", "a"), a_fault("c", "a")), now)
            store.observe("b", (), now)
        for ask in (store.next_due, store.with_person, store.known_to_person, store.live_targets, store.unended, store.marks):
            ask()
        store.turns(now)
        store.heals(now - 3600)
        store.changes_since(now - 3600)
        store.changes_since(now - 3600, "a:a")
        desk.expire(now)
        desk.reconcile(store.with_person())
        desk.deliver(now, at_once=True)
        desk.went_away(handed_over, "healed")
        store.tidy(now)
        desk.tidy(now)
        assert of_store.read_from_end_to_end() + of_desk.read_from_end_to_end() == []
