"""scripts/install on a host without network."""

from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, STATE, Host

WHEELS = CHECKOUT / "build" / "wheels"
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
    """The daemon is up, enabled, and answers through its command."""
    assert installed.ok(f"systemctl is-active {DAEMON}; systemctl is-enabled {DAEMON}").split() == ["active", "enabled"]
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
    """systemd itself has nothing to say against the unit file."""
    assert installed.ok(f"systemd-analyze verify /etc/systemd/system/{DAEMON}") == ""


def test_the_removal_leaves_settings_and_data(installed: Host) -> None:
    """Uninstalled, the program is gone, and what belongs to the operator is still there."""
    installed.ok(f"{CHECKOUT}/scripts/install --uninstall")
    assert installed.sh("command -v orchestrator").status == 1
    assert installed.show(DAEMON, "LoadState") == {"LoadState": "not-found"}
    installed.ok(f"test -e {CONFIG} && test -e {STATE}/tasks.db")
