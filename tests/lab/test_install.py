"""scripts/install on a host without network."""

import time
from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, DASHBOARD, HANDS, STATE, Host
from tests.lab.previous import WHEELS, doctored, wheels

INSTALL = f"{CHECKOUT}/scripts/install --wheels {WHEELS}"


@pytest.fixture(scope="module")
def installed(base: Base) -> Iterator[Host]:
    """A host on which the daemon was installed."""
    wheels()
    with Host(base) as host:
        host.ok(INSTALL, timeout=100)
        yield host


def test_it_runs_after_the_installation_and_after_a_boot(installed: Host) -> None:
    """The daemon and the dashboard are up and enabled, and answer."""
    for unit in (DAEMON, DASHBOARD):
        assert installed.ok(f"systemctl is-active {unit}; systemctl is-enabled {unit}").split() == ["active", "enabled"]
    installed.ok("curl -sf --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8888/ready", timeout=40)
    assert installed.sh("orchestrator status").status == 0


def test_its_files_belong_to_the_daemon_and_the_group(installed: Host) -> None:
    """The state directory is 2770 with the group, and what is written there is the group's; what the hands keep is root's alone."""
    assert installed.ok(f"stat -c '%a %U %G' {STATE}").strip() == "2770 orchestrator orchestrator"
    assert set(installed.ok(f"stat -c '%a %U %G' {STATE}/*.db").splitlines()) == {"660 orchestrator orchestrator"}
    assert installed.ok(f"stat -c '%a %U' {HANDS}").strip() == "700 root"


def test_each_part_runs_as_its_own_user(installed: Host) -> None:
    """The daemon and the dashboard without rights, the hands as root behind their socket."""
    users = {"autonomous-orchestrator-hands.service": "root", DAEMON: "orchestrator", DASHBOARD: "orchestrator-web"}
    for unit, user in users.items():
        assert installed.ok(f"ps -o user:32= -p $(systemctl show -P MainPID {unit})").strip() == user
    assert installed.ok("stat -c '%a %U %G' /run/autonomous-orchestrator/hands.sock").strip() == "660 root orchestrator"


def test_the_command_is_documented_and_completed(installed: Host) -> None:
    """`man orchestrator` works, and a shell knows the command's words."""
    assert "escalations approve N" in installed.ok(
        "MANPAGER=cat man orchestrator 2>/dev/null || cat /usr/local/share/man/man1/orchestrator.1"
    )
    words = "COMP_WORDS='orchestrator esc' COMP_CWORD=1 _ORCHESTRATOR_COMPLETE=bash_complete orchestrator"
    assert "escalations" in installed.ok(words)
    installed.ok("bash -n /usr/local/share/bash-completion/completions/orchestrator")


TASKS = """SELECT COUNT(*) AS total, SUM(CASE WHEN fix_successful = 1 THEN 1 ELSE 0 END) AS fixed,
       ROUND(100.0 * SUM(CASE WHEN fix_successful = 1 THEN 1 ELSE 0 END) / COUNT(*), 1) AS fix_rate
FROM tasks WHERE detected_at > datetime('now', '-7 days');"""
ESCALATIONS = "SELECT COUNT(*), status FROM escalations WHERE created_at > datetime('now', '-7 days') GROUP BY status;"


def test_what_operators_rely_on_holds_after_a_fault(installed: Host) -> None:
    """The lines they search the journal for, the two queries for root and the group with the daemon up, stopped or killed, and its size."""
    installed.unit("shop.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    declared = '[daemon]\nboot_grace_seconds = 0\n[[service]]\nname = "shop"\nunit = "shop.service"\n'  # the host has just booted
    installed.write("/etc/autonomous-orchestrator/conf.d/shop.toml", declared)
    installed.ok(f"usermod -aG orchestrator ops && systemctl start shop && systemctl restart {DAEMON}")
    installed.ok("systemctl kill -s KILL shop")
    installed.incident("shop.service", "fixed", timeout=90)  # the longer it ran, the longer its repair has to last
    journal = installed.journal(DAEMON)
    assert "Multi-Agent System Enabled" in journal
    assert "PHASE 1" in journal
    resident = installed.ok(f"awk '/^VmRSS/ {{print $2}}' /proc/$(systemctl show -P MainPID {DAEMON})/status")
    assert int(resident) < 500_000
    for change in (
        "true",
        f"systemctl stop {DAEMON}",
        f"systemctl start {DAEMON} && systemctl kill -s KILL {DAEMON}; systemctl stop {DAEMON}",
    ):
        installed.ok(change)
        for user in ("root", "ops"):
            assert installed.sql(TASKS, user=user) == [{"total": 1, "fixed": 1, "fix_rate": 100.0}], change
            assert installed.sql(ESCALATIONS, db="escalations", user=user) == [], change


def test_the_dashboard_needs_neither_root_nor_the_daemon(installed: Host) -> None:
    """As its own user, in its sandbox, it shows and acts, with the daemon up or stopped; it ends at once, and is small."""
    pid = installed.show(DASHBOARD, "MainPID")["MainPID"]
    assert installed.ok(f"stat -c '%U %G' /proc/{pid}").split() == ["orchestrator-web", "orchestrator"]
    for change in ("true", f"systemctl stop {DAEMON}", f"systemctl restart {DASHBOARD}", f"systemctl start {DAEMON}"):
        installed.ok(change)
        installed.ok("curl -sf --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8888/health", timeout=40)
        link = installed.ok("orchestrator dashboard url").strip()
        token = link.partition("token=")[2]
        form = f"curl -sf -o /dev/null -c /tmp/jar -H 'Sec-Fetch-Site: same-origin' -d token={token} http://127.0.0.1:8888/login"
        installed.ok(form)
        assert "shop.service" in installed.ok("curl -sf -b /tmp/jar http://127.0.0.1:8888/incidents"), change
        assert installed.sh(form).status != 0, "a link is used up"
        name = f"t{abs(hash(change))}"
        made = installed.ok(f"orchestrator dashboard token create {name} --write").strip()
        paused = installed.ok(
            f"curl -sf -H 'Authorization: Bearer {made}' -H 'Content-Type: application/json' "
            '-d \'{"seconds": 1, "reason": "a test"}\' http://127.0.0.1:8888/api/v1/windows'
        )
        assert '"decision":' in paused
    resident = installed.ok(f"awk '/^VmRSS/ {{print $2}}' /proc/$(systemctl show -P MainPID {DASHBOARD})/status")
    assert int(resident) < 100_000
    assert "Traceback" not in installed.journal(DASHBOARD)
    began = time.monotonic()
    installed.ok(f"systemctl stop {DASHBOARD}")
    assert time.monotonic() - began < 5
    assert installed.show(DASHBOARD, "Result") == {"Result": "success"}
    installed.ok(f"systemctl start {DASHBOARD}")


def test_the_second_installation_changes_nothing(installed: Host) -> None:
    """Run again, it leaves the operator's settings alone, restarts nothing, and says so; a dashboard that is off stays off."""
    installed.ok(f"echo '# mine' >>{CONFIG} && systemctl disable --now {DASHBOARD}")
    before = installed.show(DAEMON, "MainPID")
    assert "nothing to change" in installed.ok(INSTALL, timeout=100)
    assert installed.read(CONFIG).endswith("# mine\n")
    assert installed.show(DAEMON, "MainPID") == before
    assert installed.show(DASHBOARD, "ActiveState") == {"ActiveState": "inactive"}
    installed.ok(f"systemctl enable --now {DASHBOARD}")


def test_what_is_missing_is_put_back(installed: Host) -> None:
    """A unit file that somebody changed, a command that is gone: run again, it mends them and proves it."""
    installed.ok(f"rm /usr/local/bin/orchestrator && sed -i 's/^User=.*/User=root/' /etc/systemd/system/{DAEMON}")
    assert "installed and runs" in installed.ok(INSTALL, timeout=100)
    assert "User=orchestrator\n" in installed.read(f"/etc/systemd/system/{DAEMON}")
    assert installed.sh("orchestrator status").status == 0


def test_secrets_and_a_state_elsewhere_reach_the_sandbox(installed: Host) -> None:
    """A password file of another name, a state directory elsewhere: the daemon can use them, though it is no root."""
    more = '[daemon]\nstate_dir = "/srv/state"\n[mail]\nuser = "me"\npassword_file = "/etc/autonomous-orchestrator/smtp.secret"\n'
    installed.write("/etc/autonomous-orchestrator/conf.d/20-more.toml", more)
    installed.write("/etc/autonomous-orchestrator/smtp.secret", "word\n", mode=0o600)
    installed.ok(f"echo '#' >>/etc/systemd/system/{DAEMON} && {INSTALL}", timeout=100)
    pid = installed.show(DAEMON, "MainPID")["MainPID"]
    assert installed.ok(f"cat /proc/{pid}/root/run/credentials/{DAEMON}/smtp.secret") == "word\n"
    assert installed.ok("stat -c '%a %U %G' /srv/state/tasks.db").split() == ["660", "orchestrator", "orchestrator"]
    installed.ok(
        f"rm /etc/autonomous-orchestrator/conf.d/20-more.toml && echo '#' >>/etc/systemd/system/{DAEMON} && {INSTALL}", timeout=100
    )
    assert installed.sh(f"ls /etc/systemd/system/{DAEMON}.d/10-*").status != 0


def test_a_broken_configuration_is_named(installed: Host) -> None:
    """With a configuration that cannot be used the installation stops and says where."""
    good = installed.read(CONFIG)
    installed.write(CONFIG, "[daemon]\npoll = 3\n")
    result = installed.sh(INSTALL, timeout=100)
    installed.write(CONFIG, good)
    assert result.status != 0
    assert f"{CONFIG}: daemon.poll: unknown key" in result.out


def test_a_configuration_that_others_could_write_is_named(installed: Host) -> None:
    """The hands trust what root alone has written: that is told before anything is changed."""
    installed.ok(f"chown ops {CONFIG} && echo '#' >>/etc/systemd/system/{DAEMON}")
    result = installed.sh(INSTALL, timeout=100)
    installed.ok(f"chown root {CONFIG}")
    assert result.status != 0
    assert f"chown root:root {CONFIG}" in result.out


def test_the_units_are_without_fault(installed: Host) -> None:
    """systemd itself has nothing to say against the unit files."""
    assert installed.ok(f"systemd-analyze verify /etc/systemd/system/{DAEMON} /etc/systemd/system/{DASHBOARD}") == ""


ADDED = """
import sys, zipfile
name = "added_by_hand-1.0.dist-info"
with zipfile.ZipFile(sys.argv[1] + "/added_by_hand-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("added_by_hand.py", "")
    wheel.writestr(name + "/METADATA", "Metadata-Version: 2.1\\nName: added-by-hand\\nVersion: 1.0\\n")
    wheel.writestr(name + "/WHEEL", "Wheel-Version: 1.0\\nGenerator: a-test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(name + "/RECORD", "")
"""


def test_what_was_added_by_hand_comes_along(installed: Host) -> None:
    """A library that somebody put into the environment is in the next version's too, and a setting that is new is told."""
    wheels_there = doctored(installed, "orchestrator/__init__.py", "# newer")
    installed.ok(f"python3 - {wheels_there}", given=ADDED)
    current = "/opt/autonomous-orchestrator/current"
    before = installed.ok(f"readlink {current}")
    installed.ok(
        f"{current}/bin/pip install --quiet --no-index --find-links {wheels_there} added-by-hand && sed -i /poll_seconds/d {CONFIG}"
    )
    told = installed.ok(f"{CHECKOUT}/scripts/install --wheels {wheels_there}", timeout=150)
    assert installed.ok(f"readlink {current}") != before
    installed.ok(f"{current}/bin/python -c 'import added_by_hand'")
    assert "[daemon] poll_seconds" in told
    assert installed.ok("ls /opt/autonomous-orchestrator/versions").split() == [installed.ok(f"basename $(readlink {current})").strip()]
    without = installed.sh(INSTALL, timeout=150)  # those wheels lack what was added
    assert without.status != 0
    assert "added-by-hand==1.0 was added by hand" in without.out
    assert installed.sh("orchestrator status").status == 0


def test_the_removal_leaves_settings_and_data(installed: Host) -> None:
    """Uninstalled, all of the program is gone, and what belongs to the operator is still there, as the last lines say."""
    pieces = installed.read("/opt/autonomous-orchestrator/pieces").split()
    told = installed.ok(f"systemctl start autonomous-orchestrator-failed@x || true; {CHECKOUT}/scripts/install --uninstall")
    assert "orchestrator" not in installed.ok("systemctl --failed --no-legend --plain")
    assert f"rm -r {CONFIG.rpartition('/')[0]}" in told.splitlines()[-1]
    assert installed.sh("command -v orchestrator").status == 1
    for unit in (DAEMON, DASHBOARD, "autonomous-orchestrator-hands.socket", "autonomous-orchestrator-hands.service"):
        assert installed.show(unit, "LoadState", "ActiveState") == {"LoadState": "not-found", "ActiveState": "inactive"}
    for piece in [*pieces, "/opt/autonomous-orchestrator", "/usr/local/lib/autonomous-orchestrator"]:
        assert installed.sh(f"test -e {piece} -o -L {piece}").status == 1, piece
    installed.ok(f"test -e {CONFIG} && test -e {STATE}/tasks.db && getent passwd orchestrator")
