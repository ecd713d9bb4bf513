"""What must wait for somebody else, or for better times: hands off meanwhile."""

from dataclasses import replace

from tests.lab.watched import Watched, Web

LOOM = Web("loom")
LOCK = """
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)
"""


def test_maintenance_keeps_hands_off(watched: Watched) -> None:
    """While an operator paused the service its crash is seen and left; when he resumes, it is healed."""
    web = watched.web(LOOM)
    watched.begin()
    paused = watched.host.orchestrator("pause", "loom", "--for", "10m", "--reason", "new shelves")
    assert paused.status == 0
    watched.host.wait_until(lambda: watched.host.sql("SELECT 1 FROM windows"), 10)
    watched.host.ok("systemctl kill -s KILL loom; sleep 0.2")
    watched.nothing_happens()
    [row] = watched.incidents()
    assert "new shelves" in row["waiting_for"]
    assert watched.host.orchestrator("resume", "loom").status == 0
    watched.healed(web.target, "start_unit loom.service")


def test_a_package_upgrade_is_waited_for(watched: Watched) -> None:
    """While somebody holds dpkg's lock a crash may be the upgrade's own doing: it is healed when the lock is free."""
    web = watched.web(LOOM)
    watched.begin()
    watched.host.write("/opt/lab/lock.py", LOCK)
    watched.host.ok("systemd-run --unit=upgrade --property=Type=exec python3 /opt/lab/lock.py")
    watched.host.wait_until(lambda: "locked" in watched.host.journal("upgrade"), 10)
    watched.host.ok("systemctl kill -s KILL loom; sleep 0.2")
    watched.nothing_happens()
    [row] = watched.incidents()
    assert "upgrade" in row["waiting_for"]
    watched.host.ok("systemctl stop upgrade")
    watched.healed(web.target, "start_unit loom.service")


def test_a_service_that_waits_for_a_busy_host_is_not_restarted(watched: Watched) -> None:
    """Others use every CPU, so its answers are late: a restart would add to the load, and nothing is wrong with it."""
    web = watched.web(replace(LOOM, settings="work_seconds = 0.3", service="Nice=19"))
    watched.begin()
    # In sessions of their own: the kernel may share its time among sessions.
    watched.host.ok("for n in $(seq $((8 * $(nproc)))); do setsid timeout 13 sh -c 'while :; do :; done' & done >/dev/null 2>&1")
    row = watched.host.incident(web.target)
    with watched.untouched():
        watched.host.wait_until(lambda: "busy" in watched.host.incident(web.target)["waiting_for"], 10)
        watched.host.incident(web.target, "cleared")
    assert (row["check_name"], watched.changes()) == ("probe_failing", [])
