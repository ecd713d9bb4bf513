"""Pages of what is too much for one, and of tables that cannot be read."""

import pytest

from escalation import Desk
from orchestrator.model import utc
from orchestrator.store import Store
from orchestrator.store.stories import MOST
from tests.cli.scenes import escalated
from tests.dashboard.conftest import Browser


def test_a_page_of_too_much_says_what_it_leaves_out(anna: Browser, store: Store, desk: Desk) -> None:
    """A thousand observations and notes without end: the newest, and how many there are besides."""
    task, number = escalated(store, desk)
    see = "INSERT INTO evidence (task_id, source, text, at) VALUES (?, 'journal', ?, ?)"
    write = "INSERT INTO notes VALUES (NULL, ?, ?, 'eve', 'on it', '')"
    with store.ledger.db.atomic(), desk.ledger.db.atomic():
        store.ledger.db.conn.executemany(see, ((task, "x" * 20_000, utc()) for _ in range(1000)))
        desk.ledger.db.conn.executemany(write, ((number, utc()) for _ in range(1000)))
    seen = len(store.ledger.rows("SELECT id FROM evidence"))
    pages = [anna.get(path) for path in (f"/escalations/{number}", f"/incidents/{task}", f"/incidents/{task}?seen=all")]
    for page in pages:
        assert page.status_code == 200
        assert "Older ones are left out here" in page.text
        assert f"{seen - MOST['evidence']} observations" in page.text
        assert len(page.data) < 2_500_000
    assert "notes" in pages[0].text.partition("Older ones are left out here")[2].partition("</p>")[0]


@pytest.mark.parametrize("path", ["/", "/incidents", "/success"])
def test_tables_of_an_older_version_are_no_fault_of_the_page(anna: Browser, store: Store, desk: Desk, path: str) -> None:
    """503 and what to do: the daemon brings them up to date when it starts."""
    store.ledger.run("DROP INDEX tasks_in_numbers")
    store.ledger.run("DROP INDEX tasks_listed")
    desk.ledger.run("DROP INDEX escalations_listed")
    answer = anna.get(path)
    assert answer.status_code == 503
    assert "was made by an older version" in answer.text
    assert "start the daemon once" in answer.text
    assert anna.get("/health").status_code == 200
