"""A person's word: never given, given once, given of something else, given by nobody."""

import pytest

from orchestrator.model import Json
from tests.redteam.ground import BRAIN, PERSON, WEB, Ground, is_refused

CAREFUL: Json = {"kind": "restart_unit", "unit": "careful.service"}
KEPT = "/var/lib/autonomous-orchestrator-hands/approvals"
RECORD = "/var/lib/autonomous-orchestrator-hands/record"


def test_without_a_word_nothing_is_done(ground: Ground) -> None:
    """The mode is approve: whatever the brain says of it, also that a person said so."""
    with ground.unchanged():
        ground.refused(CAREFUL, {**CAREFUL, "approved": True}, {**CAREFUL, "level": "low"}, {**CAREFUL, "risk": "low"})
        ground.refused(CAREFUL, approved_by=1000)


def test_high_risk_needs_a_word(ground: Ground) -> None:
    """Each kind of it: ending jobs and processes, emptying files, opening logins, packages, timers."""
    invocation = ground.host.show("till", "InvocationID")["InvocationID"]
    pid = ground.pid("victim.service")
    high: list[Json] = [
        {"kind": "end_job", "unit": "till.service", "invocation": invocation},
        {
            "kind": "stop_process",
            "unit": "till.service",
            "pid": pid,
            "started_at": 1.0,
            "exe": "/usr/bin/sleep",
            "holder": "victim.service",
        },
        {"kind": "empty_file", "path": "/srv/till/sales", "inode": int(ground.host.ok("stat -c %i /srv/till/sales"))},
        {"kind": "reopen_logins"},
        {"kind": "configure_package", "package": "dash"},
        {"kind": "resume_timer", "unit": "systemd-tmpfiles-clean.timer"},
    ]
    with ground.unchanged():
        ground.refused(*high)


@pytest.mark.parametrize("user", [PERSON, WEB])
def test_a_word_is_used_once(ground: Ground, user: str) -> None:
    """Replayed it is no word; and the record says whose it was."""
    assert ground.approve(CAREFUL, user=user)["ok"]
    first, again = ground.perform(CAREFUL, CAREFUL)
    assert (first["ok"], is_refused(again)) == (True, True), (first, again)
    uid = ground.host.ok(f"id -u {user}").strip()
    assert f'"approved_by":{uid}' in ground.host.ok(f"tail -n 1 {RECORD}")


def test_a_word_is_not_replayed_after_a_death(ground: Ground) -> None:
    """kill -9 of the hands brings no used word back."""
    ground.approve(CAREFUL)
    (first,) = ground.perform(CAREFUL)
    assert first["ok"]
    ground.host.ok("systemctl kill -s KILL autonomous-orchestrator-hands.service")
    with ground.unchanged():
        ground.refused(CAREFUL)


def test_a_word_is_of_one_action(ground: Ground) -> None:
    """Another unit, another verb, another field: another action."""
    ground.approve({"kind": "reset_failed", "unit": "careful.service"})
    with ground.unchanged(KEPT):
        ground.refused(CAREFUL, {"kind": "stop_unit", "unit": "careful.service"}, {"kind": "start_unit", "unit": "never.service"})


def test_a_word_ends(ground: Ground) -> None:
    """In a second, if that was said; for ever is never said."""
    ground.approve(CAREFUL, seconds=1)
    ground.host.ok("sleep 2")
    with ground.unchanged(KEPT):
        ground.refused(CAREFUL)
        for seconds in (-1.0, 8 * 86_400.0, 1e300):
            assert is_refused(ground.approve(CAREFUL, seconds=seconds))


def test_a_word_opens_no_configuration(ground: Ground) -> None:
    """What is protected, watched only, or not declared stays what it is."""
    plan: list[Json] = [
        {"kind": "restart_unit", "unit": "payments.service"},
        {"kind": "restart_unit", "unit": "watched.service"},
        {"kind": "run_command", "name": "count", "service": "till", "argv": ["/usr/bin/touch", "/srv/x"], "risk": "low", "user": None,
         "timeout_seconds": 5},
        {"kind": "clean_path", "path": "/srv/disk/precious", "pattern": "*", "older_than_seconds": 0},
    ]  # fmt: skip
    with ground.unchanged(KEPT):
        ground.approve(*plan)
        ground.refused(*plan)


def test_the_file_of_words_is_not_the_brains(ground: Ground) -> None:
    """Neither to read nor to write, to replace or to lead elsewhere."""
    forged = '[{"hash":"' + "0" * 64 + '","until":4000000000,"by":0,"at":0}]'
    with ground.unchanged():
        for attempt in (
            f"cat {KEPT}",
            f"echo '{forged}' >{KEPT}",
            f"echo '{forged}' >{KEPT}.new",
            f"mv {KEPT} {KEPT}.old",
            f"ln -sf /tmp/forged {KEPT}",
            "mv /var/lib/autonomous-orchestrator-hands /var/lib/autonomous-orchestrator-old",
            "ls /var/lib/autonomous-orchestrator-hands",
        ):
            assert ground.host.sh(attempt, user=BRAIN).status != 0, attempt


def test_too_many_words_lock_nobody_out_for_long(ground: Ground) -> None:
    """A person's process that runs wild fills the list; what expires makes room, and what needs no word goes on."""
    many = [{"kind": "wait", "target": f"t{n}.service", "seconds": 5} for n in range(40)]
    for n in range(6):
        ground.approve(*({**one, "seconds": 10 + n} for one in many), seconds=3)
    (done,) = ground.perform({"kind": "wait", "target": "till.service", "seconds": 1})
    assert done["ok"], done
    ground.host.ok("sleep 3")
    assert ground.approve(CAREFUL)["ok"]
    assert ground.perform(CAREFUL)[0]["ok"]


@pytest.mark.parametrize("plan", [[], ["restart_unit"], [{"kind": "rm"}], [{"kind": "restart_unit", "unit": "*"}], [CAREFUL] * 101])
def test_a_word_that_makes_no_sense_is_none(ground: Ground, plan: list[Json]) -> None:
    """It is refused as a whole."""
    with ground.unchanged():
        assert is_refused(ground.approve(*plan))
