"""Ids, undoing, and what follows: one id is one change, and a change is taken back once, soon, and as it was."""

import json
from typing import Any

import pytest

from orchestrator.model import Json
from tests.redteam.ground import RECORD, Ground, is_refused

HANDS = "autonomous-orchestrator-hands.service"
START: Json = {"kind": "start_unit", "unit": "till.service"}


@pytest.fixture
def roomy(ground: Ground) -> Any:
    """Budgets that these attempts do not meet."""
    ground.settings(per_target=1000)
    yield ground
    ground.settings()


def undo(ground: Ground, number: int, action: Json, **before: object) -> Json:
    (answer,) = ground.say({"verb": "undo", "change_id": number, "action": action, "before": before})
    return answer


def started(ground: Ground) -> int:
    """A change of the brain's that may be: it started what had died."""
    ground.host.ok("systemctl kill -s KILL till; while systemctl is-active -q till; do sleep 0.05; done")
    number = ground.next_id()
    (answer,) = ground.say({"verb": "perform", "change_id": number, "action": START})
    assert answer["ok"], answer
    return number


def test_an_id_is_used_once(roomy: Ground) -> None:
    """For the same action, for another one, after a death."""
    number = started(roomy)
    replayed = {"verb": "perform", "change_id": number, "action": {"kind": "restart_unit", "unit": "till.service"}}
    with roomy.unchanged():
        for answer in roomy.say(replayed, {**replayed, "action": START}):
            assert "used before" in answer["detail"]
    roomy.host.ok(f"systemctl kill -s KILL {HANDS}")
    with roomy.unchanged():
        assert "used before" in roomy.say(replayed)[0]["detail"]


@pytest.mark.parametrize("number", [2**62, 2**63 - 1, 10**15])
def test_ids_are_not_used_up(roomy: Ground, number: int) -> None:
    """One far ahead would make all others old."""
    with roomy.unchanged():
        (answer,) = roomy.say({"verb": "perform", "change_id": number, "action": {"kind": "wait", "target": "till.service", "seconds": 1}})
    assert is_refused(answer)
    assert roomy.perform({"kind": "wait", "target": "till.service", "seconds": 1})[0]["ok"]


def test_another_ones_change_is_not_undone(roomy: Ground) -> None:
    """Only the same action under the same id."""
    number = started(roomy)
    with roomy.unchanged():
        assert is_refused(undo(roomy, number, {"kind": "start_unit", "unit": "victim.service"}))
        assert is_refused(undo(roomy, number, {"kind": "stop_unit", "unit": "till.service"}))
        assert undo(roomy, roomy.next_id() + 500, {"kind": "start_unit", "unit": "victim.service"})["detail"].startswith("nothing to undo")


def test_an_undo_is_done_once(roomy: Ground) -> None:
    """What a person started since is not stopped by the second one."""
    number = started(roomy)
    assert undo(roomy, number, START, running=False)["ok"]
    roomy.host.ok("systemctl start till")
    with roomy.unchanged():
        assert "undone before" in undo(roomy, number, START, running=False)["detail"]


def test_days_later_nothing_is_taken_back(roomy: Ground) -> None:
    """A start of the day before yesterday is no reason to stop it."""
    number = started(roomy)
    _aged(roomy, number, 2 * 86_400)
    with roomy.unchanged():
        assert is_refused(undo(roomy, number, START, running=False))


def test_what_was_before_is_what_the_hands_saw(roomy: Ground) -> None:
    """A mode and an owner that the brain makes up are not given to a file."""
    roomy.host.ok("chown root:root /srv/till && chmod 755 /srv/till")
    roomy.say({"verb": "remember", "service": "till"})
    mode = {"kind": "restore_owner_mode", "service": "till", "path": "/srv/till", "uid": 0, "gid": 0, "mode": 0o755}
    number = roomy.next_id()
    roomy.say({"verb": "perform", "change_id": number, "action": mode})
    with roomy.unchanged(RECORD):
        undo(roomy, number, mode, uid=0, gid=0, mode=0o4777)
        undo(roomy, number, {**mode, "mode": 0o4777}, uid=0, gid=0, mode=0o4777)


def test_what_cannot_be_undone_is_not(roomy: Ground) -> None:
    """A restart has no way back."""
    (answer,) = roomy.say(
        {"verb": "perform", "change_id": (number := roomy.next_id()), "action": {"kind": "restart_unit", "unit": "till.service"}}
    )
    assert answer["ok"]
    with roomy.unchanged():
        assert "cannot be undone" in undo(roomy, number, {"kind": "restart_unit", "unit": "till.service"})["detail"]


def test_nothing_follows_a_change_that_it_did_not_hang_on(roomy: Ground) -> None:
    """That something belongs to a repair is not the brain's to say: foreign units, twice the same, a change that never was."""
    number = started(roomy)
    foreign = [{"kind": "start_unit", "unit": unit} for unit in ("never.service", "stopped.service", "rival.service")]
    with roomy.unchanged():
        roomy.refused(*foreign, root=number)
        roomy.refused(*foreign, root=number + 10_000)
        roomy.refused({"kind": "restart_unit", "unit": "careful.service"}, {"kind": "start_unit", "unit": "careful.service"}, root=number)


def test_following_does_not_empty_the_budget(roomy: Ground) -> None:
    """Whoever calls everything a follower is counted all the same."""
    number = started(roomy)
    roomy.settings(per_target=1000, per_host=1)
    with roomy.unchanged():
        roomy.refused({"kind": "restart_unit", "unit": "till.service"}, START, root=number)


def test_the_record_is_not_the_brains(ground: Ground) -> None:
    """It is neither read nor written by whoever asks, nor moved away."""
    with ground.unchanged():
        for attempt in (f"cat {RECORD}", f"echo >>{RECORD}", f"truncate -s 0 {RECORD}", f"mv {RECORD} /tmp/", f"ln -f {RECORD} /tmp/x"):
            assert ground.host.sh(attempt, user="orchestrator").status != 0, attempt


def _aged(ground: Ground, number: int, seconds: float) -> None:
    """As if that change had been done so long ago, in another boot. Lines without a digest are those of an older version."""
    ground.host.ok(f"systemctl stop {HANDS}")
    lines = [{name: value for name, value in json.loads(line).items() if name != "chain"} for line in ground.host.read(RECORD).splitlines()]
    old = [{**line, "at": line["at"] - seconds, "boot": ""} if line.get("id") == number else line for line in lines]
    ground.host.write(RECORD, "".join(f"{json.dumps(line)}\n" for line in old), 0o600)
    ground.serves()
