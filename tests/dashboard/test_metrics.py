"""`/metrics`, `/health` and `/ready`: what programs watch the watcher by."""

import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from dashboard.app import create
from dashboard.health import version
from dashboard.prometheus import SLOTS, Kept
from escalation import Desk
from escalation.acts import ACTS
from escalation.operator import Operator
from orchestrator.config import Config, Mail
from orchestrator.model import Outcome, utc
from orchestrator.store import Store
from tests.cli.scenes import asked, attempted, escalated, fault, healed, opened
from tests.cli.test_people import answering
from tests.dashboard.conftest import Browser
from tests.debs import program
from tests.store.thought import a_thoughtful_day


def measured(config: Config) -> dict[str, Metric]:
    """Asked anew, past the answer that is kept for a moment."""
    answer = Browser(create(config)).get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float | None:
    samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
    return next((float(sample.value) for sample in samples if sample.labels == labels), None)


def a_busy_day(store: Store, desk: Desk) -> None:
    healed(store, fault("web.service"))
    escalated(store, desk, fault("orders.service"))
    asked(store, desk)
    store.remember_tick(time.time(), {})


def test_before_a_database_exists_all_three_answer(stranger: Browser, config: Config) -> None:
    """Alive, not ready and why, and numbers without a history."""
    health = stranger.get("/health")
    trouble = "it has not run on this state directory yet"
    assert (health.status_code, health.json) == (200, {"status": "ok", "version": version(), "daemon": None, "trouble": trouble})
    ready = stranger.get("/ready")
    assert ready.status_code == 503
    assert ready.json is not None
    assert ready.json["reasons"] == [trouble]
    families = measured(config)
    assert value(families, "orchestrator_state_readable") == 1
    assert value(families, "orchestrator_last_cycle_timestamp_seconds") is None


def test_ready_is_what_the_daemon_is(stranger: Browser, store: Store, desk: Desk) -> None:
    """200 while it ticks; 503 with the reason once its last tick is stale; alive all the same."""
    del desk
    store.remember_tick(time.time(), {})
    assert stranger.get("/ready").status_code == 200
    health = stranger.get("/health").json
    assert health is not None
    assert health["daemon"]["alive"] is True
    assert health["daemon"]["age_seconds"] < 5
    store.remember_tick(time.time() - 600, {})
    ready = stranger.get("/ready")
    assert ready.status_code == 503
    assert "last tick was 10 min ago" in ready.text
    assert stranger.get("/health").status_code == 200


def test_a_damaged_database_is_told_and_nothing_breaks(stranger: Browser, state_dir: Path, config: Config) -> None:
    """Alive; not ready, with the file's trouble; and the metrics say that they could not read."""
    state_dir.mkdir()
    (state_dir / "tasks.db").write_bytes(b"this is no database" * 1000)
    assert stranger.get("/health").status_code == 200
    assert stranger.get("/ready").status_code == 503
    assert "not a database" in stranger.get("/ready").text
    assert value(measured(config), "orchestrator_state_readable") == 0


def test_it_counts_what_happened(config: Config, store: Store, desk: Desk) -> None:
    """Incidents, plans and their outcome, durations, questions, states."""
    a_busy_day(store, desk)
    with answering(store, desk):
        escalation, plan_hash = desk.ledger.rows("SELECT escalation_id, hash FROM interventions WHERE hash != ''")[0].values()
        approve = ACTS["escalation", "approve"].model_validate({"hash": plan_hash})
        done = Operator(config=config, actor="anna").perform(approve, escalation)
        assert not done.refused
    families = measured(config)
    assert value(families, "orchestrator_incidents_total", check="unit_failed", severity="high") == 3
    assert value(families, "orchestrator_fix_attempts_total", phase="1", outcome="healed") == 1
    assert value(families, "orchestrator_fix_attempts_total", phase="1", outcome="rolled_back") == 1
    assert value(families, "orchestrator_incident_duration_seconds_count", ended="fixed") == 1
    assert value(families, "orchestrator_incident_duration_seconds_bucket", ended="fixed", le="15.0") == 1
    assert value(families, "orchestrator_incident_duration_seconds_bucket", ended="fixed", le="1.0") == 0
    assert value(families, "orchestrator_escalations", state="open") == 2
    assert value(families, "orchestrator_interventions_total", kind="approval", decision="approved") == 1
    assert value(families, "orchestrator_intervention_wait_seconds_count", kind="approval") == 1
    assert value(families, "orchestrator_breaker_open") == 0
    assert abs(time.time() - (value(families, "orchestrator_last_cycle_timestamp_seconds") or 0)) < 60


def test_counters_only_grow(config: Config, store: Store, desk: Desk) -> None:
    """Rows that are removed by age, that become a symptom or change their severity take nothing away."""
    a_busy_day(store, desk)
    before = counters(measured(config))
    assert before
    store.ledger.run("UPDATE tasks SET severity = 'info', check_name = 'other'")
    store.ledger.run("DELETE FROM tasks")
    desk.ledger.run("DELETE FROM escalations")
    after = counters(measured(config))
    assert after == before
    opened(store, fault("new.service"))
    again = counters(measured(config))
    assert all(again[name] >= count for name, count in before.items())
    assert sum(again.values()) == sum(before.values()) + 1


def counters(families: dict[str, Metric]) -> dict[str, float]:
    grown = [family for family in families.values() if family.type in ("counter", "histogram") and family.name.startswith("orchestrator")]
    return {f"{sample.name}{sample.labels}": sample.value for family in grown for sample in family.samples}


def test_what_models_cost_is_counted(config: Config, store: Store, desk: Desk) -> None:
    """Calls by outcome, tokens by kind, money, how long they took, and what is left of the day's budgets."""
    a_thoughtful_day(store, desk)
    which = {"backend": "anthropic", "model": "claude-opus-5-5"}
    families = measured(config)
    assert value(families, "orchestrator_model_calls_total", **which, outcome="answered") == 6
    assert value(families, "orchestrator_model_calls_total", **which, outcome="late") == 2
    tokens = {kind: value(families, "orchestrator_model_tokens_total", **which, kind=kind) for kind in ("in", "cached", "out")}
    assert tokens == {"in": 16_000, "cached": 48_000, "out": 4000}
    assert value(families, "orchestrator_model_dollars_total", **which) == pytest.approx(0.3)
    assert value(families, "orchestrator_model_call_duration_seconds_bucket", **which, le="5.0") == 6
    assert value(families, "orchestrator_model_call_duration_seconds_sum", **which) == 78
    assert value(families, "orchestrator_model_budget_remaining_dollars") == pytest.approx(config.agents.day_dollars - 0.3)
    assert value(families, "orchestrator_model_budget_remaining_tokens") == config.agents.day_tokens - 68_000
    assert value(families, "orchestrator_model_calls_in_flight") == 0
    store.ledger.run("DELETE FROM model_calls")
    assert value(measured(config), "orchestrator_model_dollars_total", **which) == pytest.approx(0.3)


def test_mails_are_counted_by_what_became_of_them(config: Config, store: Store, desk: Desk, state_dir: Path) -> None:
    """Sent, and each try that failed with why; what was not told, by why."""
    escalated(store, desk, fault("quiet.service"))  # mail is off
    with closing(socket.socket()) as nobody:  # a port on which nobody answers
        nobody.bind(("127.0.0.1", 0))
        mail = Mail.model_validate({"host": "127.0.0.1", "port": nobody.getsockname()[1]})
        with Desk(state_dir, mail, "web1") as telling:
            escalated(store, telling, fault("orders.service"))
            telling.deliver(time.time() + 600)
    families = measured(config)
    assert value(families, "orchestrator_suppressed_total", reason="off") == 1
    assert value(families, "orchestrator_notifications_total", result="unreached") == 1
    assert value(families, "orchestrator_outbox_waiting") == 1
    assert abs(time.time() - (value(families, "orchestrator_outbox_oldest_timestamp_seconds") or 0)) < 700


def test_a_relapse_and_the_breaker_show(config: Config, store: Store, desk: Desk) -> None:
    """What came back counts as that, and a limit that is reached opens the breaker."""
    del desk
    number = healed(store)
    store.observe("unit_failed", (fault(),), time.time())
    for _ in range(config.limits.changes_per_host_per_hour):
        attempted(store, number, Outcome.NO_EFFECT, "still down")
    families = measured(config)
    assert value(families, "orchestrator_relapses_total", check="unit_failed") == 1
    assert value(families, "orchestrator_breaker_open") == 1


def test_what_was_there_before_the_tallies_is_counted(store: Store, desk: Desk, config: Config) -> None:
    """A database of an older version begins with what its rows say, by the same lines."""
    a_busy_day(store, desk)
    before = measured(config)
    for ledger in (store.ledger, desk.ledger):
        for row in ledger.rows("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tally%'"):
            ledger.run(f"DROP TRIGGER {row['name']}")
        ledger.run("DROP TABLE tallies")
        ledger.run("DELETE FROM _sqlite_migrations WHERE name LIKE '%tallies'")
    with Store(store.ledger.path.parent), Desk(desk.ledger.path.parent, config.mail, "web1"):
        assert counters(measured(config)) == pytest.approx(counters(before))


def test_the_lines_of_the_histograms_are_those_of_the_tallies(config: Config, store: Store, desk: Desk) -> None:
    """Each length of time lands below its own line, and below every higher one."""
    del desk
    for n, seconds in enumerate((0.5, 4, 14, 59, 299, 899, 3599, 14_399, 86_399, 1e6)):
        number = opened(store, fault(f"shop@{n}.service"), ago=seconds)
        store.ledger.update("tasks", number, {"opened_at": utc(1e9), "status": "cleared", "resolved_at": utc(1e9 + seconds)})
    families = measured(config)
    name = "orchestrator_incident_duration_seconds_bucket"
    found = [value(families, name, ended="cleared", le=str(float(slot))) for slot in SLOTS["seconds"][:-1]]
    assert found == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert value(families, name, ended="cleared", le="+Inf") == 10


def test_prometheus_own_judge_has_nothing_to_say(config: Config, store: Store, desk: Desk) -> None:
    """`promtool check metrics`: names, units, types and help as Prometheus wants them."""
    promtool = program("prometheus", "usr/bin/promtool")
    a_busy_day(store, desk)
    a_thoughtful_day(store, desk)
    text = Browser(create(config)).get("/metrics").data

    def judged(text: bytes) -> tuple[int, bytes]:
        done = subprocess.run([str(promtool), "check", "metrics"], input=text, capture_output=True, check=False, timeout=30)
        return done.returncode, done.stdout + done.stderr

    assert judged(text) == (0, b"")
    assert judged(text.replace(b"_total", b""))[0] == 3


def test_a_scraper_cannot_load_the_host() -> None:
    """Within a moment the answer is the same one, made once."""
    now, made = [0.0], []

    def make() -> bytes:
        made.append(now[0])
        return b"%d" % len(made)

    kept = Kept(clock=lambda: now[0])
    assert [kept.get(make) for _ in range(5)] == [b"1"] * 5
    now[0] = 3.0
    assert kept.get(make) == b"2"
