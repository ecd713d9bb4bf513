"""What people did at the desk and at its doors goes into the audit, each act once, whenever a death comes."""

import json
from pathlib import Path

import pytest

from escalation import Desk
from escalation.carrying import SOURCES
from escalation.doors import Doors
from orchestrator.config import Config
from orchestrator.daemon.keeping import Keeping
from orchestrator.store import Store
from tests.escalation.made import an_incident


def told(store: Store) -> list[tuple[str, str]]:
    return [(row["actor"], row["what"]) for row in store.ledger.rows("SELECT actor, what FROM audit ORDER BY id")]


@pytest.fixture
def keeping(store: Store, desk: Desk, state_dir: Path) -> Keeping:
    """Of a daemon that has just started: what was done before is history."""
    desk.ack(desk.escalate(an_incident(), "nothing left", body=""), "adam")
    keeping = Keeping(store, desk, state_dir)
    keeping.turn()
    return keeping


def test_each_act_is_taken_over_once(keeping: Keeping, store: Store, desk: Desk, state_dir: Path) -> None:
    """Notes, acknowledgements, sign-ins and tokens, by whoever did them, in this process or another; the next turn has nothing new."""
    assert told(store) == []
    desk.note(1, "password=hunter2 it was", "eve")
    with Doors(state_dir) as doors:
        doors.enter(doors.invite("eve"))
        doors.create_token("grafana", "read", "eve")
        doors.revoke(1)
    for _ in range(2):
        keeping.turn()
    assert told(store) == [("eve", "note"), ("eve", "came in"), ("eve", "token made"), ("somebody", "token revoked")]
    assert "hunter2" not in json.dumps(store.ledger.rows("SELECT detail FROM audit"))


def test_a_death_before_the_mark_takes_it_over_at_the_next_turn(keeping: Keeping, store: Store, desk: Desk) -> None:
    """What was read and not written down is read again; what was written has moved the mark with it."""
    desk.note(1, "one", "eve")
    last, acts = desk.done_since("notes", store.carried("notes"))
    assert [act["actor"] for act in acts] == ["eve"]
    assert desk.done_since("notes", store.carried("notes")) == (last, acts), "nobody wrote it down: it comes again"
    keeping.turn()
    assert desk.done_since("notes", store.carried("notes")) == (last, ())
    assert all(store.carried(source) is not None for source in SOURCES)


def test_a_secret_of_the_configuration_is_told_by_its_key_alone(keeping: Keeping, store: Store) -> None:
    """Which key changed, and nothing of what stands in it, nor a digest that a guess could be proved by."""
    for secret in ("hunter2", "hunter3"):
        keeping.configured(Config.model_validate({"mail": {"user": secret}}), None, "reload")
    keeping.turn()
    rows = store.ledger.rows("SELECT detail FROM audit WHERE what = 'configuration' ORDER BY id")
    assert json.loads(rows[1]["detail"])["changed"] == ["mail.user"]
    assert "hunter" not in json.dumps(rows)
    assert all(len(row["digest"]) == 4 for row in store.ledger.rows("SELECT digest FROM configuration"))
