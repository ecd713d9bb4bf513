"""What a call costs, and who keeps the budgets."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.config import Agents
from orchestrator.store import Spending, Store
from phases.models import Asking, ModelFailed, Models, Reply, Request, Turn

ASKING = Asking(incident=1, phase=2, expert="researcher", system="s" * 300, turns=(Turn(role="user", text="?"),), answer_schema={})


def models(store: Store, ask: Callable[[Request], Reply], **limits: float) -> Models:
    agents = Agents.model_validate({"backend": "anthropic", "model": "claude-opus-5-5", **limits})
    return Models(agents, Spending(store.ledger, agents), ask)


def calls(store: Store) -> list[dict[str, object]]:
    return store.ledger.rows("SELECT outcome, tokens_in, tokens_out, ROUND(dollars, 6) AS dollars FROM model_calls")


def test_an_answer_costs_what_it_took(store: Store) -> None:
    """By the backend's own word, else by the table of prices."""
    answers = [Reply(answer={}, model="claude", tokens_in=1000, tokens_out=100), Reply(answer={}, model="claude", dollars=0.5)]
    asked = models(store, lambda _request: answers.pop(0))
    assert asked.ask(ASKING, time.monotonic() + 10).dollars == pytest.approx(0.006)
    assert asked.ask(ASKING, time.monotonic() + 10).dollars == 0.5
    assert calls(store) == [
        {"outcome": "answered", "tokens_in": 1000, "tokens_out": 100, "dollars": 0.006},
        {"outcome": "answered", "tokens_in": 0, "tokens_out": 0, "dollars": 0.5},
    ]


def test_without_money_nobody_is_asked(store: Store) -> None:
    """It is an abstention like any other failure, and says which budget it is."""

    def never(_request: Request) -> Reply:
        raise AssertionError("asked")

    with pytest.raises(ModelFailed, match="incident's budget is spent") as failed:
        models(store, never, incident_dollars=0.01).ask(ASKING, time.monotonic() + 10)
    assert failed.value.kind == "spent"


def test_what_others_put_aside_is_waited_for(store: Store) -> None:
    """Two calls that fit one after the other are both made, however much each may cost at most; and one that never fits is refused."""
    under_way, goes_on = threading.Event(), threading.Event()

    def ask(_request: Request) -> Reply:
        under_way.set()
        assert goes_on.wait(10)
        return Reply(answer={}, model="m", tokens_in=10, tokens_out=10)

    asked = models(store, ask, incident_dollars=0.2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked.ask, ASKING, time.monotonic() + 20)
        assert under_way.wait(10)
        second = pool.submit(asked.ask, ASKING, time.monotonic() + 20)
        with pytest.raises(ModelFailed, match="is spent"):
            asked.ask(ASKING, time.monotonic() + 0.2)
        assert len(calls(store)) == 1
        goes_on.set()
        assert {future.result().model for future in (first, second)} == {"m"}
    assert [call["outcome"] for call in calls(store)] == ["answered", "answered"]


def test_without_its_row_no_call_is_made(store: Store) -> None:
    """What cannot be written down is not spent."""
    store.ledger.db.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(ModelFailed, match="cannot be written") as failed:
        models(store, lambda _request: Reply(answer={}, model="m")).ask(ASKING, time.monotonic() + 10)
    assert failed.value.kind == "spent"


def test_what_a_cache_takes_costs_more_and_what_it_gives_less(store: Store) -> None:
    """A quarter more, and a tenth; what is put aside before allows for it."""
    told = {"tokens_in": 1000, "tokens_cached": 200, "tokens_written": 800, "tokens_out": 100}
    asked = models(store, lambda _request: Reply(answer={}, model="claude", **told))
    assert asked.ask(ASKING, time.monotonic() + 10).dollars == pytest.approx((200 * 0.1 + 800 * 1.25) * 4e-6 + 100 * 20e-6)

    def late(_request: Request) -> Reply:
        raise ModelFailed("late", "as the test wants")

    with pytest.raises(ModelFailed):
        models(store, late).ask(ASKING, time.monotonic() + 10)
    _, aside = calls(store)
    assert aside["dollars"] == pytest.approx(101 * 1.25 * 4e-6 + 8192 * 20e-6, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "dollars"),
    [("unreachable", 0.0), ("busy", 0.0), ("refused", 0.0004), ("late", 0.16435), ("garbage", 0.16435), ("cut", 0.16435)],
)
def test_a_failure_costs_what_it_may_have_cost(store: Store, kind: str, dollars: float) -> None:
    """Nothing where nobody took it up; what went in where the model would not; all where an answer may have been made."""

    def fail(_request: Request) -> Reply:
        raise ModelFailed(kind, "as the test wants")  # type: ignore[arg-type]  # one of the kinds, by its name

    with pytest.raises(ModelFailed):
        models(store, fail).ask(ASKING, time.monotonic() + 10)
    (row,) = calls(store)
    assert (row["outcome"], row["dollars"]) == (kind, pytest.approx(dollars, abs=1e-4))
