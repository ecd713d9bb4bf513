"""What the tables say."""

import json

import pytest

from escalation import Desk
from orchestrator.model import Status
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import escalated, fault, healed, opened
from tests.store.thought import a_thoughtful_day


@pytest.fixture
def week(store: Store, desk: Desk) -> None:
    """Two healed, one with a person, one that went away."""
    store.remember_tick(1.0, {})
    healed(store, fault("a.service", "a.service failed"))
    healed(store, fault("b.service", "b.service failed"))
    escalated(store, desk, fault("c.service", "c.service failed"))
    store.close(opened(store), Status.CLEARED, phase=1, fix_successful=None, resolution="it went away by itself")


@pytest.mark.usefixtures("week")
def test_the_fix_rate_has_both_denominators(call: Call) -> None:
    """Of all incidents, and of those that needed something."""
    lines = {line[:40].strip(): line[40:].split("  ")[-1].strip() for line in call("metrics").stdout.splitlines()}
    assert lines["fix rate, of all"] == "50.0 % (2 of 4)"
    assert lines["fix rate, of those that needed something"] == "66.7 % (2 of 3)"
    assert lines["handed to a person"] == "1"
    assert lines["undone, since the proof failed"] == "1"
    assert "4.2 s" <= lines["mean time to repair"] < "5"
    assert lines["escalations"] == "1 open"


@pytest.mark.usefixtures("week")
def test_metrics_as_json_have_the_windows(call: Call) -> None:
    """Per window, phase and status."""
    found = json.loads(call("metrics", "--json").stdout)
    assert {name: (window["fixed"], window["total"]) for name, window in found["windows"].items()} == {
        "24 h": (2, 4),
        "7 d": (2, 4),
        "30 d": (2, 4),
    }
    assert [(row["phase"], row["fixed"]) for row in found["by_phase"]] == [(1, 2), (4, 0)]


def test_numbers_before_the_first_start(call: Call) -> None:
    """None, and said so."""
    assert call("metrics").stdout == "no numbers yet: the daemon has not run on this state directory\n"
    assert json.loads(call("metrics", "--json").stdout)["windows"]["7 d"] == {"escalations": {}}


@pytest.mark.usefixtures("week")
def test_people_may_ask_both_files(call: Call) -> None:
    """The contract's queries, a join, and JSON."""
    query = "SELECT COUNT(*), status FROM escalations WHERE created_at > datetime('now', '-7 days') GROUP BY status"
    assert call("sql", query).stdout.splitlines() == ["COUNT(*)  status", "1         open"]
    joined = "SELECT t.target, e.status FROM tasks AS t JOIN escalations AS e ON e.task_id = t.id"
    assert json.loads(call("sql", "--json", joined).stdout) == [{"target": "c.service", "status": "open"}]


@pytest.mark.usefixtures("week")
@pytest.mark.parametrize(
    "query",
    ["DELETE FROM tasks", "UPDATE tasks SET fix_successful = 1", "SELECT 1; DROP TABLE tasks", "PRAGMA journal_mode = DELETE", "VACUUM",
     "ATTACH '/tmp/stolen.db' AS stolen", "SELECT load_extension('/tmp/x.so')", "SELECT nonsense FROM tasks", "CREATE TEMP TABLE t (x)"],
)  # fmt: skip
def test_nothing_but_reading_is_possible(call: Call, store: Store, query: str) -> None:
    """Whatever would change or load something is refused, with the reason; the rows are as they were."""
    result = call("sql", query)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: refused: ")
    assert store.ledger.rows("SELECT COUNT(*) AS n, SUM(fix_successful) AS fixed FROM tasks") == [{"n": 4, "fixed": 2}]


def test_what_thinking_cost_and_whether_it_was_right(call: Call, store: Store, desk: Desk) -> None:
    """Small tables, each number with what it is out of; nothing of them where no model was ever asked."""
    store.remember_tick(1.0, {})
    assert "each model" not in call("metrics").stdout
    a_thoughtful_day(store, desk)
    told = [" ".join(line.split()) for line in call("metrics").stdout.splitlines()]
    assert "vote:2/3 2 50 % (1 of 2) 1 0" in told
    assert "network 2 2 1 1 0 0 2 17000 0.1400 8" in told
    assert "anthropic claude-opus-5-5 8 6 2 late 64000 48000 4000 0.3000 3.0 4.0" in told
    assert "dollars 0.1500 0.1500" in told
    assert "research consultation 2 50 % (1 of 2) 0 1 0 0" in told
    assert "quick fix escalation 1 - 0 0 0 1" in told
    assert "first 2 1 4.0 34000 0.1500" in " ".join(told)
    assert any(line.startswith("second 2 2 0.0 0 0 ") for line in told)
    assert json.loads(call("metrics", "--json").stdout)["models"][0]["failed"] == {"late": 2}
