"""Decisions of people, maintenance, and what is kept between runs."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.store import Inbox, Reader, Stale, Store, StoreFailed, StoreUnusable
from orchestrator.store.inbox import UNANSWERED
from tests.store.made import rows

NOW = time.time()
PUT = """
import sys; from pathlib import Path; from orchestrator.store import Inbox
inbox = Inbox(Path(sys.argv[1]))
for n in range(20): inbox.put("approve", {"n": n, "by": sys.argv[2]}, "eve")
"""
TAKE = """
import sys; from pathlib import Path; from orchestrator.store import Store
print([click.id for click in Store(Path(sys.argv[1])).take_clicks()])
"""


def run(program: str, *arguments: object) -> str:
    done = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_a_click_is_taken_once_and_its_answer_is_read(store: Store, state_dir: Path) -> None:
    """A decision reaches the daemon as it was made, once; the person reads what came of it."""
    inbox = Inbox(state_dir)
    number = inbox.put("approve", {"escalation_id": 4}, "eve")
    (click,) = store.take_clicks()
    assert (click.id, click.actor, click.verb, click.args) == (number, "eve", "approve", {"escalation_id": 4})
    assert click.at == pytest.approx(time.time(), abs=30)
    assert store.take_clicks() == ()
    assert inbox.result(number) is None
    store.answer_click(number, "approved")
    assert inbox.result(number) == "approved"
    with pytest.raises(Stale):
        store.answer_click(number, "again")
    inbox.close()


def test_clicks_of_many_processes_all_arrive(store: Store, state_dir: Path) -> None:
    """People who click at the same moment, while the daemon writes, lose nothing."""
    people = [subprocess.Popen([sys.executable, "-c", PUT, str(state_dir), str(n)]) for n in range(3)]
    taken: list[object] = []
    while any(person.poll() is None for person in people):
        taken += store.take_clicks()
        store.audit("daemon", "tick", {})
        time.sleep(0.001)  # the daemon works between two writes, too
    taken += store.take_clicks()
    assert [person.returncode for person in people] == [0, 0, 0]
    assert len(taken) == 60


def test_a_click_that_a_dead_daemon_took_comes_again(state_dir: Path) -> None:
    """Taken and not answered, then killed: the next daemon gets it; answered ones never come again."""
    Store(state_dir).shut()
    inbox = Inbox(state_dir)
    first, second = inbox.put("approve", {}, "eve"), inbox.put("reject", {}, "eve")
    inbox.close()
    assert run(TAKE, state_dir) == str([first, second])
    with Store(state_dir) as store:
        store.answer_click(first, "done")
        assert [click.id for click in store.take_clicks()] == [second]


def test_a_click_that_cannot_be_read_is_answered_so(store: Store, state_dir: Path) -> None:
    """A damaged decision stops nothing, and says what it is."""
    inbox = Inbox(state_dir)
    bad, good = inbox.put("approve", {}, "eve"), inbox.put("approve", {}, "eve")
    store.ledger.run("UPDATE inbox SET args = 'no json' WHERE id = ?", (bad,))
    assert [click.id for click in store.take_clicks()] == [good]
    assert inbox.result(bad) == "cannot be read"
    inbox.close()


def test_the_inbox_is_bounded(store: Store, state_dir: Path) -> None:
    """A program that clicks wildly is stopped with a word, and so is one giant decision."""
    inbox = Inbox(state_dir)
    with pytest.raises(StoreFailed, match="too much"):
        inbox.put("answer", {"text": "x" * 100_000}, "eve")
    store.ledger.transact(lambda: [inbox_row(store, n) for n in range(UNANSWERED)])
    with pytest.raises(StoreFailed, match="is the daemon running"):
        inbox.put("approve", {}, "eve")
    inbox.close()


def inbox_row(store: Store, number: int) -> int:
    return store.ledger.insert("inbox", {"at": str(number), "actor": "x", "verb": "y", "args": "{}"})


def test_an_inbox_before_the_first_start_says_so(state_dir: Path) -> None:
    """Where no daemon ever ran, a decision has nowhere to go, and nothing is made."""
    with pytest.raises(StoreUnusable, match="does not exist yet"):
        Inbox(state_dir)
    assert not state_dir.exists()


def test_maintenance_has_an_end(store: Store) -> None:
    """A window is open until its end or until it is resumed; the host's and a service's are told apart."""
    store.pause("", begins_at=NOW - 1, until=NOW + 100, reason="kernel", actor="eve")
    store.pause("web", begins_at=NOW - 1, until=time.time() + 1000, reason="deploy", actor="eve")
    assert [(window.service, window.reason) for window in store.maintenance(NOW)] == [("", "kernel"), ("web", "deploy")]
    assert [window.service for window in store.maintenance(NOW + 101)] == ["web"]
    assert (store.resume("web", "bob"), store.resume("web", "bob")) == (1, 0)
    assert store.maintenance(NOW + 101) == ()
    assert [row["what"] for row in rows(store, "SELECT what FROM audit")] == ["pause", "pause", "resume", "resume"]


def test_the_baseline_is_kept(state_dir: Path) -> None:
    """What ran here while all was well outlives the daemon; the newest one counts."""
    with Store(state_dir) as store:
        assert store.baseline() is None
        store.save_baseline({"active": ["a.service"]})
        store.save_baseline({"active": ["b.service"]})
    with Store(state_dir) as store:
        assert store.baseline() == {"active": ["b.service"]}


def test_the_tick_is_what_status_reads(store: Store, state_dir: Path) -> None:
    """One row says that the daemon lives, and since when it was last seen."""
    now = time.time()
    store.remember_tick(now - 500, {"state": "starting"})
    store.remember_tick(now - 5, {"state": "3 checks"})
    status = Reader(state_dir).status()
    assert status["daemon"]["summary"] == {"state": "3 checks"}
    assert 5 <= status["tick_age_seconds"] < 500
