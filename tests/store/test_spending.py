"""The purse: budgets hold whatever runs at once, over midnight, restarts and kill -9."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.config import Agents
from orchestrator.model import Cost, epoch
from orchestrator.store import Spending, Spent, Store, StoreFailed, StoreUnusable
from tests.store.made import a_fault, an_incident, rows

NOON = epoch("2026-11-21 12:00:00.000")
DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def purse(store: Store, clock: Clock | None = None, **limits: float) -> Spending:
    return Spending(store.ledger, Agents.model_validate(limits), clock or Clock())


def a_call(dollars: float = 0.1, tokens: int = 1000, incident: int = 0, **fields: object) -> Cost:
    given = {"backend": "anthropic", "model": "claude", "expert": "researcher", "phase": 2, **fields}
    return Cost.model_validate({"incident": incident, "tokens_in": tokens, "dollars": dollars, **given})


def refused(spending: Spending, call: Cost, *, for_now: bool | None = None) -> str:
    with pytest.raises(Spent) as spent:
        spending.reserve(call)
    assert for_now in (None, spent.value.for_now)
    return str(spent.value)


def test_a_row_stands_before_the_call_with_what_it_may_cost(store: Store) -> None:
    """Then the real cost takes its place, with the incident's kind beside it."""
    number, spending = an_incident(store), purse(store)
    call = spending.reserve(a_call(incident=number))
    (row,) = rows(store, "SELECT * FROM model_calls")
    assert (row["dollars"], row["tokens_in"], row["ended_at"], row["outcome"]) == (0.1, 1000, None, "")
    assert (row["task_id"], row["signature"], row["began_at"]) == (number, a_fault().signature, "2026-11-21 12:00:00.000")
    spending.settle(call, a_call(dollars=0.03, tokens=700, tokens_cached=500, tokens_out=20, seconds=1.5, outcome="answered"))
    (row,) = rows(store, "SELECT * FROM model_calls")
    assert (row["dollars"], row["tokens_in"], row["tokens_cached"], row["tokens_out"], row["seconds"]) == (0.03, 700, 500, 20, 1.5)
    assert (row["outcome"], row["ended_at"]) == ("answered", "2026-11-21 12:00:00.000")


def test_what_is_under_way_counts_until_it_gives_back(store: Store) -> None:
    """Two calls of 0.4 do not fit into 0.5 at once, and do one after the other when the first was cheap."""
    spending = purse(store, day_dollars=0.5)
    first = spending.reserve(a_call(0.4))
    assert refused(spending, a_call(0.4)) == "the day's budget is spent: 0.40 of 0.50 dollars are gone, and this call may cost 0.40"
    spending.settle(first, a_call(0.05, outcome="answered"))
    spending.reserve(a_call(0.4))


def test_what_has_no_price_is_held_by_its_tokens_alone(store: Store) -> None:
    """Also when the day's dollars are gone, by another model or before they were set to 0."""
    purse(store).reserve(a_call(0.4))
    spending = purse(store, day_dollars=0)
    spending.reserve(a_call(0))
    assert "allows none" in refused(spending, a_call(0.1))


def test_an_incident_has_a_budget_of_its_own(store: Store) -> None:
    """What one has used up another still has; outside of any only the day's counts."""
    spending = purse(store, incident_tokens=1500)
    spending.reserve(a_call(incident=1))
    assert (
        refused(spending, a_call(incident=1)) == "the incident's budget is spent: 1000 of 1500 tokens are gone, and this call may take 1000"
    )
    for incident in (2, 0, 0):
        spending.reserve(a_call(incident=incident))


def test_a_new_day_of_utc_has_a_new_budget(store: Store) -> None:
    """An incident's does not come back."""
    clock = Clock()
    spending = purse(store, clock, day_dollars=0.15, incident_dollars=0.15)
    spending.settle(spending.reserve(a_call(incident=1)), a_call(outcome="answered"))
    assert "the day's budget" in refused(spending, a_call(incident=2))
    clock.now += DAY
    assert "the incident's budget" in refused(spending, a_call(incident=1))
    spending.reserve(a_call(incident=2))


def test_no_dollars_leave_what_is_free_and_no_tokens_leave_nothing(store: Store) -> None:
    """0 is a limit like another, and nobody needs to be told of it."""
    assert "allows none" in refused(purse(store, day_dollars=0), a_call(0.01))
    purse(store, day_dollars=0, incident_dollars=0).reserve(a_call(0, incident=1))
    assert "allows none" in refused(purse(store, day_tokens=0), a_call(0))
    assert not rows(store, "SELECT * FROM spent_days")


def test_only_what_is_gone_for_good_is_told(store: Store) -> None:
    """A refusal because of calls that may give back is none of the day; the others are counted in its row."""
    spending = purse(store, day_dollars=0.5)
    call = spending.reserve(a_call(0.4))
    refused(spending, a_call(0.4), for_now=True)
    assert not rows(store, "SELECT * FROM spent_days")
    spending.settle(call, a_call(0.4, outcome="answered"))
    first = refused(spending, a_call(0.4), for_now=False)
    refused(spending, a_call(0.3), for_now=False)
    (row,) = rows(store, "SELECT * FROM spent_days")
    assert (row["day"], row["refused"], row["reason"]) == ("2026-11-21", 2, first)


def test_the_cap_holds_whoever_asks_at_once(state_dir: Path, store: Store) -> None:
    """Forty threads of two connections, as the daemon's and a command's beside it: what is spent stays below the limit."""
    agents = Agents.model_validate({"day_dollars": 1.0})
    clock = Clock()
    ours = Spending(store.ledger, agents, clock)
    together = threading.Barrier(40)

    def spend(n: int) -> float:
        spending = theirs if n % 2 else ours
        together.wait()
        spent = 0.0
        for _ in range(5):
            try:
                call = spending.reserve(a_call(0.1))
            except Spent:
                continue
            real = 0.07 if n % 3 else 0.1
            spending.settle(call, a_call(real, outcome="answered"))
            spent += real
        return spent

    with Spending.beside(state_dir, agents) as theirs, ThreadPoolExecutor(40) as pool:
        theirs._clock = clock
        spent = sum(pool.map(spend, range(40)))
    assert 0.5 < spent <= 1.0 + 1e-9  # below the limit too: who asks while others have not ended yet is refused for now
    assert rows(store, "SELECT ROUND(SUM(dollars), 6) AS spent FROM model_calls") == [{"spent": round(spent, 6)}]


DYING = """
import sys
from pathlib import Path
from orchestrator.config import Agents
from orchestrator.model import Cost
from orchestrator.store import Spending
spending = Spending.beside(Path(sys.argv[1]), Agents())
spending.reserve(Cost(backend="anthropic", model="claude", tokens_in=1000, dollars=0.4))
print("reserved", flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_has_spent_what_it_put_aside(state_dir: Path, store: Store) -> None:
    """While it lives its call is under way; after kill -9 it is lost, and its money gone all the same."""
    asking = [sys.executable, "-c", DYING, str(state_dir)]
    with subprocess.Popen(asking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout
        assert dying.stdout.readline() == "reserved\n"
        spending = Spending(store.ledger, Agents.model_validate({"day_dollars": 0.5}))
        assert spending.settle_dead() == 0
        assert "0.40 of 0.50 dollars are gone" in refused(spending, a_call(0.2))
        os.kill(dying.pid, signal.SIGKILL)
    assert spending.settle_dead() == 1
    assert rows(store, "SELECT dollars, outcome, ended_at IS NOT NULL AS ended FROM model_calls") == [
        {"dollars": 0.4, "outcome": "lost", "ended": 1}
    ]
    assert "0.40 of 0.50 dollars are gone" in refused(spending, a_call(0.2))
    assert spending.settle_dead() == 0


def test_a_daemon_that_comes_back_under_its_old_number_is_another(store: Store) -> None:
    """In a container it is always process 1; and no call is under way for hours, whoever has its number now."""
    clock = Clock()
    spending = purse(store, clock)
    for _ in range(3):
        spending.reserve(a_call())
    store.ledger.run("UPDATE model_calls SET run = ? WHERE id = 1", (f"{os.getpid()}-another",))
    assert spending.settle_dead() == 1
    clock.now += 7200
    assert spending.settle_dead() == 2


def test_what_cannot_be_written_is_not_spent_and_what_was_spent_stays(store: Store) -> None:
    """No row, no call; a settlement that fails leaves what was put aside."""
    spending = purse(store)
    call = spending.reserve(a_call(0.4))
    store.ledger.db.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreFailed):
        spending.reserve(a_call())
    spending.settle(call, a_call(0.01, outcome="answered"))
    store.ledger.db.conn.execute("PRAGMA query_only = OFF")
    assert rows(store, "SELECT dollars, outcome FROM model_calls") == [{"dollars": 0.4, "outcome": ""}]


def test_a_second_settlement_changes_nothing(store: Store) -> None:
    """A call ends once."""
    spending = purse(store)
    call = spending.reserve(a_call())
    spending.settle(call, a_call(0.01, outcome="answered"))
    spending.settle(call, a_call(9.0, outcome="answered"))
    assert rows(store, "SELECT dollars FROM model_calls") == [{"dollars": 0.01}]


def test_it_makes_no_file_and_migrates_none(tmp_path: Path) -> None:
    """A command beside the daemon waits for the daemon's file."""
    with pytest.raises(StoreUnusable):
        Spending.beside(tmp_path, Agents())
