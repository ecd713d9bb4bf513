"""Bad days of the daemon itself: no room, a read-only state, a dead mail server, a bus that restarts, signals, wrong calls."""

import json
import os
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.lab.base import LabError
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, STATE, Host

SETTINGS = """
[daemon]
settle_seconds = 0.3
boot_grace_seconds = 0
poll_seconds = 2
"""
NO_MAIL = "[mail]\nenabled = false\n"
TILL = '[[service]]\nname = "till"\nunit = "till.service"\n'
SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n"
LOST = "[Service]\nExecStart=/bin/sh -c 'echo the data file is corrupted >&2; exit 1'\n"
SMALL, SPACE = "/srv/small", f"{STATE}/reserve/space"


@pytest.fixture(autouse=True)
def _story(lab: Host) -> Iterator[None]:
    """The daemon's own words, for whoever reads why a test failed."""
    yield
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)


def crash(lab: Host, unit: str = "till") -> None:
    lab.ok(f"systemctl kill -s KILL {unit}")
    lab.wait_until(lambda: not runs(lab, unit), 5)


def seen(lab: Host, times: int) -> bool:
    return [row["occurrences"] for row in lab.incidents()] == [times]


def runs(lab: Host, unit: str = "till") -> bool:
    return lab.sh(f"systemctl is-active --quiet {unit}").status == 0


def status(lab: Host) -> str:
    return lab.show(DAEMON, "StatusText")["StatusText"]


def on_small_disk(lab: Host) -> None:
    """The state directory lies on a disk of 200 MB and 3000 inodes, with room for others beside it."""
    lab.ok(
        f"truncate -s 200M /var/tmp/small; mkfs.ext4 -q -m 0 -N 3000 /var/tmp/small; mkdir {SMALL}; mount -o loop /var/tmp/small {SMALL}"
    )
    lab.ok(f"mkdir -p {SMALL}/state {SMALL}/cache {SMALL}/other {STATE} && mount --bind {SMALL}/state {STATE}")


def unseen(lab: Host, command: str) -> None:
    """Done while the daemon stands still, so that it meets the whole of it and never a half."""
    lab.ok(f"systemctl kill -s STOP {DAEMON}; {command}; systemctl kill -s CONT {DAEMON}", timeout=40)


# ---- no room ----

BYTES = "until ! dd if=/dev/zero of={}/$((n++)).tmp bs=64K count=100 2>/dev/null; do :; done; dd if=/dev/zero of={}/rest.tmp bs=1K; true"
INODES = "seq 20000 | sed s,^,{}/, | xargs touch; true"
CLEANABLE = f"""
[[disk]]
mount = "{SMALL}"
max_used_percent = 90
[[path]]
path = "{SMALL}/cache"
remove_older_than = "1h"
[mail]
port = 9
first_wait_seconds = 600
"""


@pytest.mark.parametrize(("fill", "reason"), [(BYTES, "NoSpace"), (INODES, "NoInodes")], ids=["bytes", "inodes"])
def test_a_full_disk_is_healed_or_told_although_the_state_lies_on_it(lab: Host, fill: str, reason: str) -> None:
    """What may go is removed and the reserve made again; what nobody declared stays, and a person and a mail row know of it."""
    on_small_disk(lab)
    lab.start_daemon(SETTINGS + CLEANABLE)
    lab.wait_until(lambda: lab.sh(f"test -e {SPACE}").status == 0, 10, "the reserve")
    unseen(lab, f"{fill.format(*[f'{SMALL}/cache'] * 2)}; find {SMALL}/cache -type f -exec touch -d '2 hours ago' {{}} +")
    row = lab.incident(SMALL, "fixed", "escalated")
    assert (row["status"], row["fix_successful"]) == ("fixed", 1)
    assert lab.sql("SELECT outcome FROM attempts") == [{"outcome": "healed"}]
    lab.wait_until(lambda: lab.sh(f"test -e {SPACE}").status == 0, 10, "the reserve again")

    lab.ok(fill.format(*[f"{SMALL}/other"] * 2), timeout=30)
    row = lab.incident(SMALL, "escalated")
    assert row["occurrences"] == 2
    assert lab.sql("SELECT status FROM escalations", db="escalations") == [{"status": "open"}]
    assert lab.sql("SELECT kind, status FROM tellings", db="escalations") == [{"kind": "problem", "status": "waiting"}]
    assert int(lab.ok(f"ls {SMALL}/other | wc -l")) > 5
    assert reason in lab.sql("SELECT fault FROM tasks")[0]["fault"]


def test_when_nothing_can_be_written_nothing_is_done(lab: Host) -> None:
    """With the reserve used up too: it says so, leaves the host alone, and heals once there is room."""
    on_small_disk(lab)
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.wait_until(lambda: lab.sh(f"test -e {SPACE}").status == 0, 10, "the reserve")
    unseen(lab, f"rm -r {STATE}/reserve; {BYTES.format(*[f'{SMALL}/other'] * 2)}")
    crash(lab)
    lab.wait_until(lambda: "cannot be written" in status(lab), 15, "a word in systemctl status")
    lab.wait_until(lambda: "seen, and not written down: till.service failed" in lab.journal(DAEMON), 10)
    assert not runs(lab)
    lab.ok(f"rm -r {SMALL}/other")
    assert lab.incident("till.service", "fixed")["fix_successful"] == 1
    assert runs(lab)
    lab.wait_until(lambda: "cannot be written" not in status(lab), 5)
    assert lab.journal(DAEMON).count("can be written again") == 1


# ---- read-only ----


def test_a_state_that_turned_read_only(lab: Host) -> None:
    """As the kernel does it after an error: it goes on checking, tells, and changes nothing; mounted anew, the state is found."""
    lab.disk(STATE, 32)
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.ok(f"mount -o remount,abort {STATE}; ! touch {STATE}/x")
    crash(lab)
    lab.wait_until(lambda: "the state cannot be written, nothing is changed" in status(lab), 10, "a word in systemctl status")
    lab.wait_until(lambda: "seen, and not written down: till.service failed" in lab.journal(DAEMON), 10)
    assert not runs(lab)
    assert lab.journal(DAEMON).count("the state cannot be written") == 1
    image = f"/var/tmp/{STATE.strip('/').replace('/', '-')}.img"
    # Only when the daemon has let go of it: what is mounted before is the same broken file system once more.
    let_go = f'until [ -z "$(losetup -j {image})" ]; do sleep 0.05; done'
    lab.ok(f"umount -l {STATE}; {let_go}; e2fsck -p {image} || test $? = 1; mount -o loop {image} {STATE}")
    assert lab.incident("till.service", "fixed")["fix_successful"] == 1
    assert runs(lab)
    assert "mounted over: to be started again" in lab.journal(DAEMON)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (f"mount -t tmpfs -o ro tmpfs {STATE}", "Read-only file system"),
        (f"rmdir {STATE} && touch {STATE}", "is not a directory"),
        (f"head -c 8192 /dev/urandom >{STATE}/tasks.db", "it is no database"),
    ],
    ids=["read-only", "a file", "no database"],
)
def test_a_state_that_cannot_be_opened(lab: Host, harm: str, reason: str) -> None:
    """75 and the reason; systemd tries again, and it runs as soon as it can."""
    lab.ok(f"mkdir -p {STATE}; cp -a {STATE} /srv/before; {harm}")
    lab.write(CONFIG, SETTINGS)
    refused = lab.orchestrator("run", "--config", CONFIG)
    assert refused.status == os.EX_TEMPFAIL
    assert STATE in refused.out
    assert reason in refused.out


def test_a_state_that_cannot_be_opened_is_tried_again(lab: Host) -> None:
    """As a unit it says 75 and why, and runs as soon as it can."""
    lab.write(f"/etc/systemd/system/{DAEMON}.d/soon.conf", "[Service]\nRestartSec=200ms\n")
    lab.start_daemon(SETTINGS)
    lab.ok(f"systemctl stop {DAEMON}; mount -t tmpfs -o ro tmpfs {STATE}")
    assert lab.sh(f"systemctl start {DAEMON}").status != 0
    assert any(said in lab.journal(DAEMON) for said in ("status=75/TEMPFAIL", "status=238/STATE_DIRECTORY"))  # systemd meets it first
    lab.ok(f"umount {STATE}")
    lab.wait_until(lambda: runs(lab, DAEMON), 10, "the daemon runs")


# ---- wrong calls, and a second one ----


def test_a_second_healer_and_wrong_calls_are_refused(lab: Host) -> None:
    """75 with the pid of the first, 78 with file and key, 64 for what no command is; the first goes on."""
    lab.start_daemon(SETTINGS + NO_MAIL)
    pid = lab.show(DAEMON, "MainPID")["MainPID"]
    for call, exit_status, said in (
        (("run", "--config", CONFIG), os.EX_TEMPFAIL, f"another healer works on {STATE} (pid {pid})"),
        (("run", "--config", "/etc/nowhere.toml"), os.EX_CONFIG, "/etc/nowhere.toml: no such file"),
        (("run", "--config", "/etc/odd.toml"), os.EX_CONFIG, "/etc/odd.toml: daemon.pol_seconds: unknown key"),
        (("run", "--config", "/etc/broken.toml"), os.EX_CONFIG, "/etc/broken.toml: is not valid TOML"),
        (("run", "--ones"), os.EX_USAGE, "--ones"),
    ):
        lab.write("/etc/odd.toml", "[daemon]\npol_seconds = 3\n")
        lab.write("/etc/broken.toml", "[daemon\n")
        refused = lab.orchestrator(*call)
        assert (refused.status, said in refused.out) == (exit_status, True), refused.out
    assert lab.show(DAEMON, "MainPID", "NRestarts") == {"MainPID": pid, "NRestarts": "0"}


def test_a_unit_with_a_wrong_configuration_is_not_started_again(lab: Host) -> None:
    """78 is for a person: systemd leaves it at that."""
    with pytest.raises(LabError, match="unknown key"):
        lab.start_daemon("[daemon]\npol_seconds = 3\n")
    wanted = {"ActiveState": "failed", "ExecMainStatus": str(os.EX_CONFIG), "NRestarts": "0"}
    lab.wait_until(lambda: lab.show(DAEMON, *wanted) == wanted, 5, "a unit that failed once")


# ---- signals ----


def test_a_bad_file_at_a_reload_leaves_the_old_configuration(lab: Host) -> None:
    """The journal and systemctl status say what is wrong with it; a crash is healed as before; a good file counts at once."""
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.write(CONFIG, SETTINGS.replace("[daemon]", '[daemon]\nmode = "observe"\nmood = "bad"') + NO_MAIL + TILL)
    lab.ok(f"systemctl reload {DAEMON}")
    told = f"{CONFIG}: daemon.mood: unknown key"
    lab.wait_until(lambda: told in status(lab), 5, "a word in systemctl status")
    assert f"the old one stays: {told}" in lab.journal(DAEMON)
    crash(lab)
    assert lab.incident("till.service", "fixed")["fix_successful"] == 1
    lab.write(CONFIG, SETTINGS.replace("[daemon]", '[daemon]\nmode = "observe"') + NO_MAIL + TILL)
    lab.ok(f"systemctl reload {DAEMON}")
    lab.wait_until(lambda: "configuration reloaded" in lab.journal(DAEMON), 5)
    crash(lab)
    lab.wait_until(lambda: lab.sql("SELECT 1 FROM tasks WHERE waiting_for = 'mode is observe'"), 10, "an incident that is only watched")
    assert not runs(lab, "till")


def test_a_reload_reads_the_runbooks_too(lab: Host) -> None:
    """One that is wrong leaves all as it was, and is named; a good one is used at once."""
    book, own = "/etc/autonomous-orchestrator/runbooks.d/till.toml", "put the stock back first"
    text = f"""[[runbook]]
name = "till-without-stock"
about = "It has no stock."
phase = 1
when = {{ check = "unit_failed", "unit.exit" = "error" }}
cause = "There is no stock"
hand_over = "{own}"
"""
    lab.unit("till.service", "[Service]\nExecStart=/bin/sh -c 'exit 3'\n")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.write(book, text.replace("phase = 1", "phase = 7"))
    lab.ok(f"systemctl reload {DAEMON}")
    lab.wait_until(lambda: "configuration not reloaded" in status(lab), 5, "a word in systemctl status")
    assert f"{book}:1: " in lab.journal(DAEMON)
    lab.write(book, text)
    lab.ok(f"systemctl reload {DAEMON}; systemctl start till", timeout=20)
    lab.incident("till.service", "escalated")
    assert own in lab.sql("SELECT reason FROM escalations", db="escalations")[0]["reason"]


SLOW = "[Service]\nType=notify\nExecStartPre=/bin/sh -c 'echo >>/srv/starts'\nExecStart=/opt/lab/webapp.py --config /etc/till.conf\n"


def test_it_stops_within_seconds_whatever_is_under_way(lab: Host) -> None:
    """SIGTERM while a phase thinks, and while a change is being made: it ends, and takes the case up again afterwards."""
    lab.write("/etc/till.conf", "port = 7320\nstart_seconds = 7\n")
    lab.unit("till.service", SLOW)
    lab.ok("systemctl start till && systemctl kill -s KILL till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL + 'config_test = ["/bin/sleep", "15"]\n')
    lab.wait_until(lambda: lab.sh("pgrep -fx '/bin/sleep 15'").status == 0, 10, "a phase that waits for the config test")
    lab.ok(f"systemctl stop {DAEMON}", timeout=8)
    assert lab.show(DAEMON, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert [row["status"] for row in lab.incidents()] == ["open"]

    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.wait_until(lambda: lab.show("till", "ActiveState")["ActiveState"] == "activating", 10, "a start under way")
    lab.ok(f"systemctl stop {DAEMON}", timeout=8)
    assert lab.show(DAEMON, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    row = lab.incident("till.service", "fixed", "cleared", "escalated")
    assert (row["status"], row["fix_successful"], row["occurrences"], len(lab.incidents())) == ("fixed", 1, 1, 1)
    assert lab.read("/srv/starts").count("\n") == 2


def test_the_watchdog_hears_a_loop_that_lives(lab: Host) -> None:
    """It is fed more often than a short WatchdogSec= asks; a loop that stands still tells where, is ended, and heals a crash afterwards."""
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.write(f"/etc/systemd/system/{DAEMON}.d/watchdog.conf", "[Service]\nWatchdogSec=3\nRestartSec=200ms\nTimeoutAbortSec=2\n")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    fed = int(lab.show(DAEMON, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"])
    lab.wait_until(lambda: int(lab.show(DAEMON, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]) > fed + 7_000_000, 15)
    assert lab.show(DAEMON, "NRestarts") == {"NRestarts": "0"}
    lab.ok(f"kill -STOP $(systemctl show -P MainPID {DAEMON})")
    lives_again = {"ActiveState": "active", "NRestarts": "1"}
    lab.wait_until(lambda: lab.show(DAEMON, *lives_again) == lives_again, 15, "the daemon lives again")
    assert "loop.py" in lab.journal(DAEMON).partition("Fatal Python error: Aborted")[2]
    lab.ok("systemctl restart till")  # a short run has a short proof
    crash(lab)
    assert lab.incident("till.service", "fixed")["fix_successful"] == 1


# ---- what it talks to ----


def test_a_mail_waits_for_its_server_and_goes_once(lab: Host) -> None:
    """While nobody listens it stays in the outbox, and no kill or new start sends it twice."""
    lab.unit("ledger.service", LOST)
    lab.unit(
        "post.service", f"[Service]\nExecStart={sys.executable} -m aiosmtpd -n -l 127.0.0.1:2525 -c aiosmtpd.handlers.Mailbox /srv/mail\n"
    )
    mail = '[mail]\nhost = "127.0.0.1"\nport = 2525\nfirst_wait_seconds = 0\n'
    lab.start_daemon(SETTINGS + mail + '[[service]]\nname = "ledger"\nunit = "ledger.service"\n')
    row = lab.incident("ledger.service", "escalated")
    outbox = "SELECT status, attempts FROM outbox"
    lab.wait_until(lambda: lab.sql(outbox, db="escalations") == [{"status": "waiting", "attempts": 1}], 15, "a mail that waits")
    assert "refused" in lab.sql("SELECT last_error FROM outbox", db="escalations")[0]["last_error"]
    lab.ok("systemctl start post")
    # The minute until its next turn is over.
    lab.ok(f"sqlite3 {STATE}/escalations.db", given="UPDATE outbox SET next_at = created_at")
    lab.wait_until(lambda: lab.sql(outbox, db="escalations") == [{"status": "sent", "attempts": 2}], 15, "a mail that was sent")
    lab.ok(f"systemctl kill -s KILL {DAEMON}; systemctl stop {DAEMON}")
    assert lab.orchestrator("run", "--once", "--config", CONFIG).status == 0
    [mail] = lab.ok("ls /srv/mail/new").split()
    text = lab.read(f"/srv/mail/new/{mail}")
    assert f"Escalation #1 of incident {row['id']}" in text
    assert "ledger.service failed" in text


def test_a_crash_is_seen_whatever_becomes_of_the_bus(lab: Host) -> None:
    """Restarted, and then gone: within a sweep the crash is known, and healed."""
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    lab.wait_until(lambda: lab.sql("SELECT 1 FROM checks"), 5, "a first look")
    for occurrence, bus in enumerate(("restart dbus.service", "stop dbus.socket dbus.service"), 1):
        lab.ok(f"systemctl {bus}")
        crash(lab)
        lab.wait_until(partial(seen, lab, occurrence), 6, "an incident")
        assert lab.incident("till.service", "fixed")["fix_successful"] == 1


def test_without_systemd_it_does_what_it_can(lab: Host) -> None:
    """As a plain process, with neither systemd nor journal nor bus: it says so, and still heals a disk."""
    # Of no device: what the kernel said of a loop device of before cannot be told from this one's without systemd.
    lab.ok(f"mkdir {SMALL}; mount -t tmpfs -o size=20M tmpfs {SMALL}; mkdir {SMALL}/cache")
    lab.ok(f"{BYTES.format(*[f'{SMALL}/cache'] * 2)}; touch -d '2 hours ago' {SMALL}/cache/*")
    lab.write(
        "/etc/plain.toml", SETTINGS.replace("[daemon]", '[daemon]\nstate_dir = "/srv/state"') + CLEANABLE + NO_MAIL.replace("[mail]\n", "")
    )
    alone = 'unshare --mount --propagation private sh -c \'mount -t tmpfs tmpfs /run && exec "$0" "$@"\''
    run = lab.sh(f"cd {CHECKOUT} && {alone} {sys.executable} -m orchestrator run --once --config /etc/plain.toml")
    assert (run.status, "only what needs no systemd is watched" in run.out) == (0, True), run.out
    of_disks = "SELECT target, status, fix_successful FROM tasks WHERE check_name = 'disk_full'"
    [row] = json.loads(lab.ok(f'sqlite3 -json /srv/state/tasks.db "{of_disks}"'))
    assert row == {"target": SMALL, "status": "fixed", "fix_successful": 1}
    assert "blind" in lab.ok("sqlite3 /srv/state/tasks.db \"SELECT state FROM checks WHERE name = 'unit_failed'\"")


# ---- a good day ----

WRITES = """
import os, sqlite3, sys, time
tasks = sqlite3.connect(f"file:{sys.argv[1]}/tasks.db?mode=ro", uri=True)
def last(): return tasks.execute("SELECT MIN(looked_at) FROM checks WHERE name IN ('unit_failed', 'unit_inactive')").fetchone()
def log(): return os.path.getsize(f"{sys.argv[1]}/tasks.db-wal")
until, before, known, writes = time.monotonic() + 15, last(), log(), 0
while time.monotonic() < until:
    time.sleep(0.002)
    size = log()
    writes, known = writes + (size > known), size
print(writes, last() > before)
"""


def test_a_host_where_all_is_well_is_hardly_written_to(lab: Host) -> None:
    """Its checks look every two seconds, and the disk hears of it twice in fifteen; a fault is written down at once."""
    lab.unit("till.service", SLEEPER)
    lab.ok("systemctl start till")
    lab.start_daemon(SETTINGS + NO_MAIL + TILL)
    calm = "SELECT 1 FROM daemon WHERE tick_at > (SELECT MAX(changed_at) FROM checks)"
    lab.wait_until(lambda: lab.sql(calm), 60, "a tick after the first looks")
    writes, looked = lab.python("-c", WRITES, STATE).out.split()
    assert int(writes) <= 3
    assert looked == "True"
    crash(lab)
    lab.incident("till.service", "fixed")
