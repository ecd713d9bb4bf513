"""`status` and `checks`: whether the host is watched, and what is wrong."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from escalation import Desk
from orchestrator.model import Blind, utc
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import escalated, fault, healed


def test_a_host_that_nobody_watches_is_1(call: Call) -> None:
    """Before the first start: says so, and what to do."""
    result = call("status")
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT WATCHED: no daemon has run on ")
    assert "systemctl enable --now autonomous-orchestrator" in result.stdout


def test_a_healthy_host_is_0(call: Call, store: Store) -> None:
    """The daemon lives and nothing is wrong."""
    store.remember_tick(time.time(), {"mode": "auto"})
    result = call("status")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("watched: version 0.")
    assert ", mode auto, last tick 0." in result.stdout
    assert "\nnothing is wrong\n" in result.stdout


def test_hands_that_are_away_are_told_at_once(call: Call, store: Store) -> None:
    """A host that is watched and not healed looks like one that is well. A dead daemon's word for it says nothing of now."""
    store.remember_tick(time.time(), {"mode": "auto", "hands_away": "the hands cannot be reached at /run/\x1b[2Jhands.sock"})
    told = call("status").stdout.splitlines()
    assert told[1].startswith("NOTHING IS HEALED: the hands cannot be reached at /run/")
    assert "\x1b" not in told[1]
    store.remember_tick(time.time() - 600, {"mode": "auto", "hands_away": "the hands cannot be reached"})
    assert "NOTHING IS HEALED" not in call("status").stdout


def test_everything_that_matters_is_on_one_screen(call: Call, store: Store, desk: Desk) -> None:
    """What is wrong, what is blind, maintenance, who waits, and what was fixed; what is wrong on the host is no failure of `status`."""
    store.remember_tick(time.time(), {"mode": "approve"})
    healed(store, fault("a.service", "a.service failed"))
    number, _escalation = escalated(store, desk)
    store.observe("disk_full", Blind(reason="statfs timed out"), time.time())
    store.pause("shop", until=time.time() + 1800, reason="moving the database", actor="alice")
    result = call("status")
    assert result.exit_code == 0
    told = result.stdout
    row = next(line for line in told.splitlines() if line.startswith(f"{number} "))
    assert row.split()[1:4] == ["escalated", "high", "4"]
    assert "three phases found no fix" in row
    assert "blind: disk_full for " in told
    assert "maintenance: shop, ends in 29 min, by alice: moving the database" in told
    assert "escalations: 1 open" in told
    assert "a.service failed" in told[told.index("fixed lately") :]
    assert len(told.splitlines()) <= 24


def test_a_spent_budget_of_the_models_is_told(call: Call, store: Store) -> None:
    """Since when none is asked, and why; until a call fits in again."""
    store.remember_tick(time.time(), {})
    now = utc()
    store.ledger.insert(
        "spent_days", {"day": now[:10], "since": now, "last_at": now, "refused": 3, "reason": "5.00 of 5.00 \x1b[2Jdollars"}
    )
    told = call("status").stdout
    assert f"models: none is asked since {now[:19]} UTC, until midnight UTC: 5.00 of 5.00 dollars: orchestrator metrics" in told


def test_a_dead_daemon_is_1(call: Call, store: Store, state_dir: Path) -> None:
    """A process that is gone, or a tick that is old: either way nobody watches."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    store.remember_tick(time.time(), {})
    with sqlite3.connect(state_dir / "tasks.db") as database:
        database.execute("UPDATE daemon SET pid = ?", (gone.pid,))
    database.close()
    result = call("status")
    assert result.exit_code == 1
    assert f"the daemon is dead: its process {gone.pid} is gone" in result.stdout
    assert "nothing was wrong when it looked last" in result.stdout
    store.remember_tick(time.time() - 600, {})
    found = json.loads(call("status", "--json").stdout)
    assert found["alive"] is False
    assert found["why_dead"].startswith("its last tick was 10 min ago, though its process ")


def test_status_as_json_has_the_same_parts(call: Call, store: Store, desk: Desk) -> None:
    """For programs: the daemon's row, what stands, what waits."""
    store.remember_tick(time.time(), {"mode": "auto"})
    number, _escalation = escalated(store, desk)
    found = json.loads(call("status", "--json").stdout)
    assert found["alive"] is True
    assert found["daemon"]["summary"] == {"mode": "auto"}
    assert [row["id"] for row in found["live"]] == [number]
    assert found["escalations"] == {"open": 1}
    assert {"blind_checks", "maintenance", "mail", "decisions_waiting", "fixed_lately"} <= set(found)


def test_checks_tell_what_they_look_for_and_saw(call: Call, store: Store) -> None:
    """Every check of this version, looked at or not yet."""
    store.observe("disk_full", Blind(reason="statfs timed out"), time.time())
    rows = {row["name"]: row for row in json.loads(call("checks", "--json").stdout)}
    assert (rows["disk_full"]["state"], rows["disk_full"]["detail"]) == ("blind", "statfs timed out")
    assert rows["unit_failed"]["about"] == "A unit that systemd itself reports as failed."
    assert "not yet" in next(line for line in call("checks").stdout.splitlines() if line.startswith("unit_failed "))
