"""What is no fault: two sweeps later the host is exactly as its administrator left it."""

from dataclasses import replace

from tests.lab.watched import Watched, Web

LOOM = Web("loom")
STUBBORN = """
[Service]
ExecStart=/bin/sh -c 'trap "exit 143" TERM; while sleep 0.1; do :; done'
[Install]
WantedBy=multi-user.target
"""
ONCE = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
LOCK = """
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)
"""


def test_an_administrators_decisions_stand(watched: Watched) -> None:
    """What he stopped, disabled or masked stays so; also what ends badly when it is told to stop, and leaves a failed unit."""
    for number, name in enumerate(("loom", "spool", "frame")):
        watched.web(Web(name, port=7100 + number, directory="/lib/systemd/system"))  # what lies in /etc cannot be masked
    watched.host.unit("mill.service", STUBBORN)
    watched.host.ok("systemctl enable --now mill")
    watched.declare('[[service]]\nname = "mill"\nunit = "mill.service"\n')
    watched.begin()
    watched.host.ok("systemctl stop loom; systemctl disable --now spool; systemctl mask --now frame; systemctl stop mill")
    assert watched.host.ok("systemctl is-active loom spool frame mill; true").split() == ["inactive"] * 3 + ["failed"]
    watched.nothing_happens()
    assert watched.incidents() == []


def test_a_oneshot_that_ended_is_done(watched: Watched) -> None:
    """It ran, ended and is inactive: that is what it is for, declared or not."""
    watched.host.unit("night.service", ONCE)
    watched.host.unit("day.service", ONCE)
    watched.host.ok("systemctl enable night day")
    watched.declare('[[service]]\nname = "night"\nunit = "night.service"\n')
    watched.begin()
    watched.host.ok("systemctl start night day")
    watched.nothing_happens()
    assert watched.incidents() == []


def test_a_start_under_way_is_waited_for(watched: Watched) -> None:
    """A service that tells systemd when it is ready gets the time that it takes: the run that was begun is the one that ends ready."""
    web = watched.web(replace(LOOM, service="Type=notify\nNotifyAccess=main"))
    watched.begin()
    watched.host.ok("echo 'start_seconds = 7' >> /etc/loom.conf; systemctl restart --no-block loom; sleep 0.2")
    begun = watched.host.show("loom", "InvocationID")
    watched.host.wait_until(lambda: watched.answers(web), 15)
    watched.nothing_happens()
    assert watched.host.show("loom", "InvocationID") == begun


def test_a_slow_service_is_not_restarted_while_it_begins(watched: Watched) -> None:
    """systemd calls it active at once, and it opens its port seconds later: a restart would only begin that time anew."""
    web = watched.web(LOOM)
    watched.begin()
    watched.host.ok("echo 'start_seconds = 9' >> /etc/loom.conf; systemctl restart loom")
    with watched.untouched():
        watched.host.wait_until(lambda: watched.answers(web), 15)
    watched.nothing_happens()


def test_a_single_restart_by_systemd_is_left_to_it(watched: Watched) -> None:
    """Restart= does its work once: nobody has to help."""
    watched.host.ok("systemctl enable --now redis-server")
    watched.declare('[[service]]\nname = "cache"\nunit = "redis-server.service"\nprobes = [{ tcp = "127.0.0.1:6379" }]\n')
    watched.begin()
    watched.host.ok("systemctl kill -s KILL redis-server; until redis-cli ping; do sleep 0.1; done")
    watched.nothing_happens()


def test_a_broken_configuration_of_what_runs_well_is_not_touched(watched: Watched) -> None:
    """It runs with what it loaded before; a restart would turn a latent mistake into an outage."""
    web = watched.web(replace(LOOM, declared=LOOM.config_test))
    watched.begin()
    watched.host.ok("echo 'nonsense' >> /etc/loom.conf")
    watched.nothing_happens()
    assert watched.answers(web) == "hello"
    assert watched.host.read(web.config_file).endswith("nonsense\n")


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


def test_an_administrators_stop_holds_for_what_stands_on_it(watched: Watched) -> None:
    """He stopped what others need: they go down with it, one after the other, and all stay down."""
    webs = [
        watched.web(Web("yarn", port=7101)),
        watched.web(replace(LOOM, unit="Requires=yarn.service\nAfter=yarn.service")),
        watched.web(Web("cloth", port=7102, unit="BindsTo=loom.service\nAfter=loom.service")),
    ]
    watched.begin()
    watched.host.ok("systemctl stop yarn")
    watched.nothing_happens()
    assert watched.incidents() == []
    assert [watched.answers(web) for web in webs] == ["", "", ""]


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
