"""The Debian package, on a host without network."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, DASHBOARD, HANDS, STATE, Host
from tests.lab.previous import WHEELS, wheels

pytestmark = pytest.mark.timeout(300)

DPKG = "DEBIAN_FRONTEND=noninteractive dpkg --force-confold"
PLACE = CHECKOUT / "build" / "deb"
PARTS = ("autonomous-orchestrator-hands.socket", "autonomous-orchestrator-hands.service", DAEMON, DASHBOARD)


@pytest.fixture(scope="module")
def package() -> str:
    """The package of this checkout."""
    made = subprocess.run(
        [CHECKOUT / "scripts" / "deb", "--wheels", wheels(), PLACE], check=True, capture_output=True, text=True, timeout=200
    )
    return made.stdout.strip()


@pytest.fixture(scope="module")
def packaged(base: Base, package: str) -> Iterator[Host]:
    with Host(base) as host:
        host.ok(f"{DPKG} -i {package}", timeout=100)
        host.wait_until(lambda: host.sh("orchestrator status").status == 0, 60, "a daemon that ticks")
        yield host


def other(host: Host, package: str, version: str, change: str) -> str:
    """The same package with another version, after `change` to what it holds."""
    file = f"/var/tmp/{version}.deb"
    renamed = f"sed -i 's/^Version: .*/Version: {version}/' DEBIAN/control"
    host.ok(f"rm -rf /var/tmp/o && dpkg-deb -R {package} /var/tmp/o && cd /var/tmp/o && {renamed} && {change}")
    host.ok(f"dpkg-deb -Znone -b /var/tmp/o {file}")
    return file


def state_of(host: Host) -> str:
    return host.ok("dpkg-query -W -f '${db:Status-Status} ${Version}' autonomous-orchestrator")


def assert_it_runs(host: Host) -> None:
    host.wait_until(lambda: host.sh("orchestrator status").status == 0, 60, "a daemon that ticks")
    for unit in PARTS:
        assert host.show(unit, "ActiveState") == {"ActiveState": "active"}, host.journal(unit)


def test_it_runs_each_part_as_its_own_user(packaged: Host) -> None:
    """Installed from one file: the daemon and the dashboard without rights, the hands behind their socket, all enabled."""
    assert_it_runs(packaged)
    for unit, user in zip(PARTS[1:], ("root", "orchestrator", "orchestrator-web"), strict=True):
        assert packaged.ok(f"ps -o user:32= -p $(systemctl show -P MainPID {unit})").strip() == user
    assert packaged.ok(f"systemctl is-enabled {DAEMON} {DASHBOARD} {PARTS[0]}").split() == ["enabled"] * 3
    assert packaged.ok(f"stat -c '%a %U %G' {STATE}").strip() == "2770 orchestrator orchestrator"
    packaged.ok("test -e /usr/share/man/man1/orchestrator.1.gz && test -e /usr/share/bash-completion/completions/orchestrator")
    assert packaged.ok("dpkg -V autonomous-orchestrator") == ""


def test_an_upgrade_keeps_data_and_the_operators_edits(packaged: Host, package: str) -> None:
    """A newer package: the edited configuration stays, the rows stay, what was disabled stays so, and the new version runs."""
    packaged.ok("usermod -aG orchestrator ops")
    packaged.unit("broken.service", "[Service]\nExecStart=/bin/false\n")
    packaged.sh("systemctl start broken")
    row = packaged.incident("broken.service")["id"]
    packaged.ok(f"echo '# mine' >>{CONFIG} && systemctl disable --now {DASHBOARD}")
    newer = other(packaged, package, "9.1", "echo '# theirs' >>etc/autonomous-orchestrator/config.toml")
    packaged.ok(f"{DPKG} -i {newer}", timeout=100)
    assert state_of(packaged) == "installed 9.1"
    assert packaged.read(CONFIG).endswith("# mine\n")
    assert row in [found["id"] for found in packaged.incidents()]
    assert packaged.show(DASHBOARD, "ActiveState") == {"ActiveState": "inactive"}
    packaged.ok(f"systemctl enable --now {DASHBOARD}")
    assert_it_runs(packaged)


def test_an_upgrade_that_cannot_begin_leaves_the_old_one_running(packaged: Host, package: str) -> None:
    """A package that refuses before it is unpacked: dpkg brings the one before back, and it runs."""
    newer = other(packaged, package, "9.2", "printf '#!/bin/sh\\nexit 1\\n' >DEBIAN/preinst")
    assert packaged.sh(f"{DPKG} -i {newer}", timeout=100).status != 0
    assert state_of(packaged) == "installed 9.1"
    assert_it_runs(packaged)


def test_what_broke_off_half_way_goes_on(packaged: Host, package: str) -> None:
    """A configuration that the new version refuses is told with the line that goes on; mended, `dpkg --configure -a` ends it."""
    newer = other(packaged, package, "9.3", "true")
    packaged.write("/etc/autonomous-orchestrator/conf.d/bad.toml", "[daemon]\npoll = 3\n")
    broken = packaged.sh(f"{DPKG} -i {newer}", timeout=100)
    assert broken.status != 0
    assert "daemon.poll: unknown key" in broken.out
    assert "dpkg --configure -a" in broken.out
    assert state_of(packaged) == "half-configured 9.3"
    packaged.ok("rm /etc/autonomous-orchestrator/conf.d/bad.toml && dpkg --configure -a", timeout=100)
    assert state_of(packaged) == "installed 9.3"
    assert_it_runs(packaged)


def test_a_removal_keeps_what_a_purge_takes_away(packaged: Host) -> None:
    """Removed, the program is gone and settings and data are there; purged, these are gone too, and nothing runs."""
    packaged.ok("dpkg -r autonomous-orchestrator", timeout=100)
    assert packaged.sh("command -v orchestrator").status == 1
    packaged.ok(f"test -e {CONFIG} && test -e {STATE}/tasks.db && ! test -e /usr/lib/autonomous-orchestrator")
    for unit in PARTS:
        assert packaged.show(unit, "ActiveState") == {"ActiveState": "inactive"}
    packaged.ok("dpkg -P autonomous-orchestrator", timeout=100)
    names = "-name 'autonomous-orchestrator*' -o -name '*orchestrator.*' -o -name orchestrator -o -name 'escalation-dashboard*'"
    assert packaged.ok(f"find /etc /var/lib /usr/lib /usr/bin /usr/share -xdev \\( {names} \\)") == ""


def test_data_of_somebody_else_outlives_a_purge(packaged: Host, package: str) -> None:
    """A state directory that was there before the package is not the package's to remove."""
    packaged.ok(f"install -d -m 2770 -o orchestrator -g orchestrator {STATE} && {DPKG} -i {package}", timeout=100)
    packaged.wait_until(lambda: packaged.sh("orchestrator status").status == 0, 60, "a daemon that ticks")
    assert f"{STATE} was there before this package" in packaged.ok("dpkg -P autonomous-orchestrator", timeout=100)
    packaged.ok(f"test -e {STATE}/tasks.db && test -d {HANDS}")


def test_it_does_not_come_beside_the_other_installation(packaged: Host, package: str) -> None:
    """scripts/install and the package would start each other's units: the second is refused, with the line that helps."""
    packaged.ok(f"{CHECKOUT}/scripts/install --wheels {WHEELS}", timeout=100)
    refused = packaged.sh(f"{DPKG} -i {package}", timeout=100)
    assert refused.status != 0
    assert "scripts/install --uninstall" in refused.out
    assert packaged.sh("orchestrator status").status == 0
    packaged.ok(f"{CHECKOUT}/scripts/install --uninstall && dpkg -P autonomous-orchestrator; {DPKG} -i {package}", timeout=100)
    assert "upgrade or remove that" in packaged.sh(f"{CHECKOUT}/scripts/install --wheels {WHEELS}").out
