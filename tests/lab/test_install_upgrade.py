"""scripts/install over the version before: what is the operator's is kept, and whatever fails is turned back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, DASHBOARD, HANDS, STATE, Host
from tests.lab.previous import WHEELS, doctored, previous, wheels

pytestmark = pytest.mark.timeout(300)

INSTALL = f"{CHECKOUT}/scripts/install --wheels"
CURRENT = "/opt/autonomous-orchestrator/current"
SHOP = "/etc/autonomous-orchestrator/conf.d/shop.toml"
DECLARED = """
[daemon]
boot_grace_seconds = 0
relapse_seconds = 1
[limits]
changes_per_target_per_hour = 100
[[service]]
name = "shop"
unit = "shop.service"
"""
GROWS = """
@tasks()
def m990_grows(db: Database) -> None:
    db.conn.execute("CREATE TABLE grown (x)")

@tasks()
def m991_fails(db: Database) -> None:
    raise RuntimeError("this cannot be brought up to date")
"""


@dataclass(frozen=True)
class Break:
    """A version that goes wrong: what stands at the end of which of its modules, and what the installation says of it."""

    place: str
    more: str
    told: str


BREAKS = {
    "a migration fails after one that did not": Break("orchestrator/store/migrations.py", GROWS, "cannot be brought up to date"),
    "the daemon does not start": Break("orchestrator/daemon/start.py", "raise RuntimeError('no start')", "no start"),
    "the daemon hangs": Break("orchestrator/daemon/loop.py", "Daemon.tick = lambda self: time.sleep(600)", "does not tick"),
    "the dashboard does not start": Break("dashboard/serving.py", "raise RuntimeError('no pages')", "no pages"),
}


@pytest.fixture(scope="module")
def old(base: Base) -> Iterator[Host]:
    """A host with the version before, its operator's settings, and an incident that it healed."""
    wheels()
    before = previous()
    with Host(base) as host:
        host.ok(f"{before}/scripts/install --wheels {before}/wheels", timeout=100)
        host.ok(f"echo '# mine' >>{CONFIG}")
        host.unit("shop.service", "[Service]\nExecStart=/bin/sleep infinity\n")
        host.write(SHOP, DECLARED)
        host.ok(f"usermod -aG orchestrator ops && systemctl start shop && systemctl restart {DAEMON}")
        host.ok("systemctl kill -s KILL shop")
        host.incident("shop.service", "fixed", timeout=90)
        yield host


COMPLETION = "/usr/local/share/bash-completion/completions/orchestrator"


def shape(host: Host) -> list[str]:
    """All that an installation changes beside its data: what is at the places of its files, whose they are, and what runs."""
    units = f"/etc/systemd/system/{DAEMON} /etc/systemd/system/{DASHBOARD}"
    return host.ok(
        f"ls -l /opt/autonomous-orchestrator | grep -v ^total; readlink -f /usr/local/bin/orchestrator; cat {units} {CONFIG}; "
        "find /etc/autonomous-orchestrator /etc/systemd/system /usr/local/share /var/lib/autonomous-orchestrator* -maxdepth 0 | sort; "
        "find /etc/autonomous-orchestrator /etc/systemd/system /usr/local/share -newer /usr/local/bin/orchestrator -type f | sort; "
        f"systemctl is-active {DAEMON} {DASHBOARD}; systemctl is-enabled {DAEMON} {DASHBOARD}"
    ).splitlines()


def assert_it_works_as_before(host: Host, before: list[str]) -> None:
    """The same files, and a daemon that heals."""
    assert shape(host) == before
    host.wait_until(lambda: host.sh("orchestrator status").status == 0, 30, "a daemon that ticks")
    assert_it_heals(host)


def assert_it_heals(host: Host) -> None:
    known = len(host.incidents())
    host.ok("systemctl restart shop && systemctl kill -s KILL shop")  # the longer it ran, the longer its repair has to last
    host.wait_until(lambda: len(host.incidents()) > known and host.incidents()[-1]["status"] == "fixed", 90, "one more fault healed")


@pytest.mark.parametrize("kind", BREAKS)
def test_an_upgrade_that_fails_leaves_all_as_it_was(old: Host, kind: str) -> None:
    """Whichever step goes wrong: the version before runs again, with its units, settings and databases, and heals."""
    found, before = BREAKS[kind], shape(old)
    result = old.sh(f"{INSTALL} {doctored(old, found.place, found.more)}", timeout=150)
    assert result.status != 0
    assert found.told in result.out
    assert "what there was before is there again" in result.out
    assert_it_works_as_before(old, before)


def test_what_cannot_be_had_or_used_changes_nothing(old: Host) -> None:
    """A dependency that is missing, a configuration that is refused: told before anything that runs is touched."""
    before, pid = shape(old), old.show(DAEMON, "MainPID")
    old.ok(f"rm -rf /var/tmp/wheels && cp -r {WHEELS} /var/tmp/wheels && rm /var/tmp/wheels/flask-*")
    assert "flask" in old.sh(f"{INSTALL} /var/tmp/wheels", timeout=100).out
    old.write(SHOP, f"{DECLARED}pol = 3\n")
    refused = old.sh(f"{INSTALL} {WHEELS}", timeout=100)
    old.write(SHOP, DECLARED)
    assert refused.status != 0
    assert f"{SHOP}: service.0.pol: unknown key" in refused.out
    assert (shape(old), old.show(DAEMON, "MainPID")) == (before, pid)


def test_one_that_was_killed_is_turned_back_by_the_next(old: Host) -> None:
    """kill -9 while nothing runs: the next run first brings back what was, and then goes its own way."""
    before = shape(old)
    slow = doctored(old, "orchestrator/daemon/loop.py", "Daemon.start = lambda self: time.sleep(60)")
    old.sh(
        f"{INSTALL} {slow} >/dev/null 2>&1 & installing=$!; until [ -L {CURRENT} ]; do sleep 0.1; done; kill -9 $installing", timeout=200
    )
    assert shape(old) != before
    old.ok(f"touch {COMPLETION}.new")  # it may as well have come between the two steps that put a file in its place
    old.ok("rm -rf /var/tmp/wheels && mkdir /var/tmp/wheels")
    again = old.sh(f"{INSTALL} /var/tmp/wheels", timeout=100)
    assert "cut short" in again.out
    assert "there is no wheel" in again.out
    assert_it_works_as_before(old, before)


def test_an_upgrade_keeps_what_is_the_operators(old: Host) -> None:
    """The new version runs, with the settings and the rows of before; of the one before nothing is left but these."""
    old.wait_until(lambda: old.sh(f"test -d {STATE}/known-good").status == 0, 90, "good copies of the version before")
    rows, pid = old.incidents(), old.show(DAEMON, "MainPID")
    told = old.ok(f"{INSTALL} {WHEELS}", timeout=100)
    assert old.read(CONFIG).endswith("# mine\n")
    assert old.read(SHOP) == DECLARED
    assert [row["id"] for row in old.incidents()] == [row["id"] for row in rows]
    assert old.show(DAEMON, "MainPID") != pid
    assert old.ok("ls /opt/autonomous-orchestrator").split() == ["config.toml", "current", "pieces", "versions"]
    assert set(old.ok(f"stat -c %U {STATE}/*.db {STATE}/reserve {STATE}").split()) == {"orchestrator"}
    assert "is installed and runs" in told
    old.ok(f"test -d {HANDS}/known-good && ! test -e {STATE}/known-good")
    assert_it_heals(old)


def test_the_second_run_changes_nothing(old: Host) -> None:
    """The same version again: it says so, and nothing is restarted."""
    before = old.show(DAEMON, "MainPID"), old.show(DASHBOARD, "MainPID")
    assert "nothing to change" in old.ok(f"{INSTALL} {WHEELS}", timeout=100)
    assert (old.show(DAEMON, "MainPID"), old.show(DASHBOARD, "MainPID")) == before
