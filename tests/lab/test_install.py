"""scripts/install on a host without network."""

import time
from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, STATE, Host

WHEELS = CHECKOUT / "build" / "wheels"
DASHBOARD = "escalation-dashboard.service"
INSTALL = f"{CHECKOUT}/scripts/install --wheels {WHEELS}"


@pytest.fixture(scope="module")
def installed(base: Base) -> Iterator[Host]:
    """A host on which the daemon was installed."""
    if not list(WHEELS.glob("autonomous_orchestrator-*.whl")):
        pytest.skip("build/wheels is empty: scripts/check builds the wheels")
    with Host(base) as host:
        host.ok(INSTALL, timeout=100)
        yield host


def test_it_runs_after_the_installation_and_after_a_boot(installed: Host) -> None:
    """The daemon and the dashboard are up and enabled, and answer."""
    for unit in (DAEMON, DASHBOARD):
        assert installed.ok(f"systemctl is-active {unit}; systemctl is-enabled {unit}").split() == ["active", "enabled"]
    installed.ok("curl -sf --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8888/ready", timeout=40)
    assert installed.sh("orchestrator status").status == 0


def test_its_files_belong_to_root_and_the_group(installed: Host) -> None:
    """The state directory is 2770 with the group; what the daemon writes there is the group's."""
    assert installed.ok(f"stat -c '%a %U %G' {STATE}").strip() == "2770 root orchestrator"
    assert set(installed.ok(f"stat -c '%a %G' {STATE}/*.db").splitlines()) == {"660 orchestrator"}


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
    assert installed.ok(f"stat -c '%U %G' /proc/{pid}").split() == ["orchestrator", "orchestrator"]
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


def test_the_second_installation_keeps_the_configuration(installed: Host) -> None:
    """Run again, it brings the program up to date and leaves the operator's settings alone."""
    installed.ok(f"echo '# mine' >>{CONFIG}")
    before = installed.show(DAEMON, "MainPID")
    installed.ok(INSTALL, timeout=100)
    assert installed.read(CONFIG).endswith("# mine\n")
    assert installed.show(DAEMON, "MainPID") != before
    assert installed.ok(f"systemctl is-active {DAEMON}").strip() == "active"


def test_a_broken_configuration_is_named(installed: Host) -> None:
    """With a configuration that cannot be used the installation stops and says where."""
    good = installed.read(CONFIG)
    installed.write(CONFIG, "[daemon]\npoll = 3\n")
    result = installed.sh(INSTALL, timeout=100)
    installed.write(CONFIG, good)
    assert result.status != 0
    assert f"{CONFIG}: daemon.poll: unknown key" in result.out


def test_the_unit_is_without_fault(installed: Host) -> None:
    """systemd itself has nothing to say against the unit files, and the dashboard's sandbox is tight."""
    assert installed.ok(f"systemd-analyze verify /etc/systemd/system/{DAEMON} /etc/systemd/system/{DASHBOARD}") == ""
    installed.ok(f"systemd-analyze security --offline=true --threshold=20 /etc/systemd/system/{DASHBOARD}")


def test_the_removal_leaves_settings_and_data(installed: Host) -> None:
    """Uninstalled, the program is gone, and what belongs to the operator is still there."""
    installed.ok(f"{CHECKOUT}/scripts/install --uninstall")
    assert installed.sh("command -v orchestrator").status == 1
    for unit in (DAEMON, DASHBOARD):
        assert installed.show(unit, "LoadState") == {"LoadState": "not-found"}
    installed.ok(f"test -e {CONFIG} && test -e {STATE}/tasks.db")
