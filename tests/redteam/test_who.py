"""Who may say what: by the kernel's word of who is at the other end, and by nothing else."""

import pytest

from orchestrator.model import Json
from tests.redteam.ground import BRAIN, PERSON, STRANGER, WEB, Ground, is_refused

RESTART: Json = {"kind": "restart_unit", "unit": "till.service"}
VERBS: dict[str, Json] = {
    "prepare": {"action": RESTART},
    "perform": {"change_id": 900, "action": RESTART},
    "verify": {"action": RESTART},
    "undo": {"change_id": 900, "action": RESTART, "before": {}},
    "remember": {"service": "till"},
    "ask": {"question": "programs"},
}
APPROVE: Json = {"verb": "approve", "plan": [RESTART], "until": 4_000_000_000.0}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("user", [PERSON, WEB])
def test_people_do_not_act(ground: Ground, verb: str, user: str) -> None:
    """A person of the group, and the dashboard, may approve, and do nothing themselves."""
    with ground.unchanged():
        (answer,) = ground.say({"verb": verb, **VERBS[verb]}, user=user)
    assert f"may not {verb}" in answer["error"]


@pytest.mark.parametrize("verb", [*VERBS, "approve"])
def test_a_stranger_is_not_even_heard(ground: Ground, verb: str) -> None:
    """The socket is closed to who is not in the group."""
    with ground.unchanged():
        (answer,) = ground.say({"verb": verb, **VERBS.get(verb, APPROVE)}, user=STRANGER)
    assert "Permission denied" in answer["closed"]


def test_a_stranger_whom_a_mistake_lets_in_is_told_nothing(ground: Ground) -> None:
    """A socket that somebody opened to all: the kernel says who he is."""
    path = "/run/autonomous-orchestrator/hands.sock"
    ground.host.ok(f"chmod 666 {path}")
    try:
        answers = ground.say(*({"verb": verb, **said} for verb, said in VERBS.items()), APPROVE, user=STRANGER)
    finally:
        ground.host.ok(f"chmod 660 {path}")
    assert all("may say nothing" in answer["error"] for answer in answers)


def test_the_dashboard_is_no_person(ground: Ground) -> None:
    """It says by which door somebody came: one that a person's own process told of, or one behind such a one; each link lets in once."""
    link, session, forged = ("a" * 64, "b" * 64, "c" * 64)
    through: Json = {"verb": "vouch", "door": session, "until": 4_000_000_000.0, "through": link}
    own: Json = {"verb": "vouch", "door": forged}
    before = ground.say(APPROVE, {**APPROVE, "door": forged}, {**APPROVE, "door": session}, through, own, user=WEB)
    assert all(map(is_refused, before)), before
    (brains,) = ground.say({"verb": "vouch", "door": link})
    assert "brain may not vouch" in brains["error"]
    (told,) = ground.say({"verb": "vouch", "door": link, "until": 4_000_000_000.0}, user=PERSON)
    let_in, again = ground.say(through, {**through, "door": forged}, user=WEB)
    assert told["ok"], told
    assert let_in["ok"], let_in
    assert is_refused(again), again
    approved, other = ground.say({**APPROVE, "until": ground.soon(), "door": session}, {**APPROVE, "door": forged}, user=WEB)
    assert approved["ok"], approved
    assert is_refused(other), other


def test_the_brain_approves_nothing(ground: Ground) -> None:
    """Nor under another name for itself: with the group, as root of a namespace of its own, as any uid that it maps there."""
    (answer,) = ground.say({**APPROVE, "until": 1.0})
    assert "brain may not approve" in answer["error"]
    program = ground.program("attacker")
    order = '[[{"say": {"verb": "approve", "plan": [{"kind": "restart_unit", "unit": "careful.service"}], "until": 4000000000}}], 1]'
    for become in ("unshare -Ur", "sg orchestrator -c", "unshare -U"):
        command = f"{become} '{program}'" if become.endswith("-c") else f"{become} {program}"
        told = ground.host.sh(command, given=order, user=BRAIN).out
        assert '"ok": true' not in told, told
    ground.refused({"kind": "restart_unit", "unit": "careful.service"})


def test_a_claim_of_who_one_is_counts_nothing(ground: Ground) -> None:
    """No field of a frame says who speaks."""
    for name, value in (("uid", 0), ("by", 0), ("role", "root"), ("actor", "ops")):
        (answer,) = ground.say({**APPROVE, name: value})
        assert is_refused(answer), answer
