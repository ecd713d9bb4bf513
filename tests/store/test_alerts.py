"""Alerts of other watchers: which target they mean, and how many are kept."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.model import Alert, Severity
from orchestrator.store import Alerts, Store, severity_of, target_of
from orchestrator.store.alerts import FIRING_KEPT

CONFIG = Config.model_validate({"service": [{"name": "shop", "unit": "shop.service"}, {"name": "beat"}]})


@pytest.fixture
def alerts(store: Store, state_dir: Path) -> Iterator[Alerts]:
    assert store
    opened = Alerts(state_dir)
    yield opened
    opened.close()


def _alert(key: str = "f1", **fields: object) -> Alert:
    now = time.time()
    return Alert.model_validate({"key": key, "name": "Down", "target": "shop.service", "starts_at": now, "seen_at": now, **fields})


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        ({"unit": "shop.service"}, "shop.service"),
        ({"systemd_unit": "shop.service"}, "shop.service"),
        ({"name": "shop.service", "job": "node"}, "shop.service"),
        ({"service": "shop"}, "shop.service"),
        ({"job": "beat"}, "beat"),
        ({"unit": "other.service", "job": "shop"}, "other.service"),
        ({"unit": "ssh.service"}, "ssh.service"),
        ({"unit": "ssh", "job": "shop"}, "shop.service"),
        ({"service": "ssh.service"}, ""),
        ({"unit": "../x.service"}, ""),
        ({"service": "*"}, ""),
        ({"instance": "shop"}, ""),
        ({}, ""),
    ],
)
def test_labels_name_what_is_declared_or_a_unit_in_full(labels: dict[str, str], target: str) -> None:
    """What names a unit comes before what names a group of them; nothing else is meant."""
    found, why = target_of(labels, CONFIG)
    assert found == target
    assert bool(why) == (not target)


def test_severities_of_others_are_ours() -> None:
    """What is unknown is a warning."""
    assert [severity_of({"severity": word}) for word in ("Critical", "page", "error", "warning", "none", "purple")] == [
        Severity.CRITICAL, Severity.CRITICAL, Severity.HIGH, Severity.WARNING, Severity.INFO, Severity.WARNING,
    ]  # fmt: skip
    assert severity_of({}) is Severity.WARNING


def test_said_again_it_is_the_same(store: Store, alerts: Alerts) -> None:
    """One row a key, with what was said last; ended it fires no more, and may fire again."""
    assert alerts.put([_alert(summary="first")]).firing == 1
    alerts.put([_alert(summary="then")])
    assert [item.summary for item in store.alerts(time.time())] == ["then"]
    assert alerts.put((), ["f1", "unknown"]).ended == 1
    assert store.alerts(time.time()) == ()
    alerts.put([_alert()])
    assert len(store.alerts(time.time())) == 1
    assert len(store.ledger.rows("SELECT id FROM alerts")) == 1


def test_a_sender_that_runs_wild_is_bounded(store: Store, alerts: Alerts) -> None:
    """What is beyond is dropped and counted; what is known already is still heard."""
    taken = alerts.put([_alert(f"f{n}") for n in range(FIRING_KEPT + 5)])
    assert (taken.firing, taken.dropped) == (FIRING_KEPT, 5)
    assert alerts.put([_alert("f0", summary="again")]).dropped == 0
    assert len(store.alerts(time.time())) == FIRING_KEPT


def test_its_text_is_bounded_and_has_no_secrets(store: Store, alerts: Alerts) -> None:
    """Somebody else wrote it."""
    alerts.put([_alert("k" * 900, name="n" * 900, summary="password=hunter2\n" + "x " * 5000)])
    (item,) = store.alerts(time.time())
    assert (len(item.key), len(item.name), len(item.summary)) == (200, 200, 1000)
    assert item.summary.startswith("password=[masked] x")


def test_silence_for_a_day_ends_it(store: Store, alerts: Alerts) -> None:
    """And the row goes with the sweep, a week later."""
    alerts.put([_alert(seen_at=time.time() - 25 * 3600)])
    assert store.alerts(time.time()) == ()
    store.tidy(time.time())
    assert [row["ended_at"] is not None for row in store.ledger.rows("SELECT ended_at FROM alerts")] == [True]
    store.tidy(time.time() + 8 * 86_400)
    assert store.ledger.rows("SELECT id FROM alerts") == []
