"""The configuration, the directory and the socket of the hands: root's alone, whatever the brain makes of its own."""

import pytest

from orchestrator.model import Json
from tests.redteam.ground import BRAIN, Ground, is_refused

DIRECTORY = "/etc/autonomous-orchestrator"
STOP: Json = {"kind": "stop_unit", "unit": "victim.service"}


@pytest.mark.parametrize(
    "attempt",
    [
        f"echo '[protect]' >>{DIRECTORY}/config.toml",
        f"echo >{DIRECTORY}/conf.d/90-mine.toml",
        f"mv {DIRECTORY}/config.toml {DIRECTORY}/old",
        f"rm -f {DIRECTORY}/conf.d/10-hands.toml",
        f"mv {DIRECTORY} /tmp/",
        f"ln -sf /tmp/mine.toml {DIRECTORY}/conf.d/99.toml",
        f"sed -i d {DIRECTORY}/config.toml",
        "rm -f /run/autonomous-orchestrator/hands.sock",
        "mv /run/autonomous-orchestrator /run/mine",
        "touch /run/autonomous-orchestrator/x",
        "systemctl stop autonomous-orchestrator-hands.socket",
        "systemctl edit --runtime --stdin autonomous-orchestrator-hands.service </dev/null",
        "kill -9 $(systemctl show -P MainPID autonomous-orchestrator-hands.service)",
        "cat /proc/$(systemctl show -P MainPID autonomous-orchestrator-hands.service)/environ",
        "echo 1000 >/proc/$(systemctl show -P MainPID autonomous-orchestrator-hands.service)/oom_score_adj",
        "sudo -n true",
        "su -c true root </dev/null",
        "systemd-run --quiet true",
    ],
)
def test_the_brain_changes_nothing_of_the_hands(ground: Ground, attempt: str) -> None:
    """Not their settings, not their socket, not their unit, not their process."""
    with ground.unchanged():
        assert ground.host.sh(attempt, 30, user=BRAIN).status != 0


@pytest.mark.parametrize("mode", ["o+w", "g+w"])
def test_a_configuration_that_others_can_write_is_none(ground: Ground, mode: str) -> None:
    """By an administrator's mistake: then the hands do nothing, and say the line that mends it."""
    file = f"{DIRECTORY}/conf.d/20-open.toml"
    ground.host.write(file, "[limits]\nchanges_per_host_per_hour = 1000\n")
    ground.host.ok(f"chmod {mode} {file}")
    try:
        (answer,) = ground.perform({"kind": "wait", "target": "till.service", "seconds": 1})
        assert f"chmod go-w {file}" in answer["error"]
    finally:
        ground.host.ok(f"rm {file}")
    ground.serves()


def test_a_configuration_of_the_brains_own_widens_nothing(ground: Ground) -> None:
    """It may tell itself what it likes: the hands read theirs."""
    ground.host.write("/tmp/mine.toml", '[[service]]\nname = "victim"\nunit = "victim.service"\n')
    with ground.unchanged():
        ground.refused(STOP, {**STOP, "config": "/tmp/mine.toml"})
        for answer in ground.say({"verb": "reload"}, {"verb": "perform", "change_id": 1, "action": STOP, "config": {"service": []}}):
            assert is_refused(answer)


def test_a_bad_new_configuration_leaves_the_old_one(ground: Ground) -> None:
    """What cannot be read protects all the same."""
    ground.host.write(f"{DIRECTORY}/conf.d/30-bad.toml", "[protect\nunits = nothing")
    try:
        with ground.unchanged():
            ground.refused({"kind": "restart_unit", "unit": "payments.service"})
    finally:
        ground.host.ok(f"rm {DIRECTORY}/conf.d/30-bad.toml")


def test_what_is_good_is_not_the_brains_to_say(ground: Ground) -> None:
    """A file that was changed and never loaded is not remembered as good, however often it says that all is well."""
    ground.say({"verb": "remember", "service": "till"})
    before = ground.host.ok("cat /etc/till.conf")
    ground.host.ok("echo 'evil = 1' >>/etc/till.conf")
    now = float(ground.host.ok("date +%s")) + 1000
    try:
        for answered in (now, 0.0, 1e308):
            ground.say({"verb": "remember", "service": "till", "answered": answered, "changed": True})
        ground.say(
            {"verb": "remember", "service": ""}, {"verb": "remember", "service": "../till"}, {"verb": "remember", "service": "victim"}
        )
        kept = ground.host.sh("grep -rls 'evil = 1' /var/lib/autonomous-orchestrator-hands").out
        assert kept == "", kept
    finally:
        ground.host.write("/etc/till.conf", before, 0o640)


FORGED = "till.service: all is well\nNov 21 10:00:00 host sshd[1]: Accepted password for root\x1b[2J\u202e"


def test_no_name_writes_a_line_of_the_log(ground: Ground) -> None:
    """What the brain sends is never a line of its own in the journal, nor moves a terminal's cursor."""
    with ground.unchanged():
        clean: Json = {"kind": "clean_path", "path": f"/{FORGED}", "pattern": "*", "older_than_seconds": 1}
        ground.refused({"kind": "restart_unit", "unit": FORGED}, {"kind": FORGED}, clean)
        ground.say({"verb": FORGED}, {"verb": "remember", "service": FORGED[:200]}, {"verb": "ask", "question": FORGED[:60]})
        ground.approve({"kind": "wait", "target": FORGED, "seconds": 5})
    told = ground.host.ok("journalctl --no-pager -o cat -u autonomous-orchestrator-hands.service")
    assert not [line for line in told.splitlines() if line.startswith("Nov 21 10:00:00")]
    assert not {"\x1b", "\u202e"} & set(told)


def test_the_host_stands(ground: Ground) -> None:
    """After all of it: the accounts are those of before, nothing has failed that ran, and nobody has become root."""
    assert ground.host.sh("id -nG orchestrator", user=BRAIN).out.split() == ["orchestrator"]
    failed = ground.host.ok("systemctl list-units --failed --no-legend --plain | awk '{print $1}'").split()
    assert not set(failed) & {"till.service", "payments.service", "base.service", "victim.service"}, failed
    assert ground.host.sh("pgrep -U 0 -f '[a]ttacker.py'").status != 0
