"""The queries that people and programs rely on, by the `sqlite3` command, whoever runs it and whoever came first."""

import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation import FrontDesk
from orchestrator.model import epoch
from orchestrator.store import Inbox, Reader, Wanted

pytestmark = [
    pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 command is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be two users"),
]

TASKS = """SELECT COUNT(*) AS total, SUM(CASE WHEN fix_successful = 1 THEN 1 ELSE 0 END) AS fixed,
       ROUND(100.0 * SUM(CASE WHEN fix_successful = 1 THEN 1 ELSE 0 END) / COUNT(*), 1) AS fix_rate
FROM tasks WHERE detected_at > datetime('now', '-7 days');"""
ESCALATIONS = "SELECT COUNT(*), status FROM escalations WHERE created_at > datetime('now', '-7 days') GROUP BY status;"

COLUMNS = {
    "tasks": "id root_id fingerprint check_name target title severity status phase fix_successful occurrences"
    " detected_at started_at resolved_at",
    "attempts": "id task_id phase proposer plan verdict rule executed outcome began_at ended_at",
    "changes": "id attempt_id n action before begun_at done_at undone_at",
    "patterns": "id signature plan stage wins losses relapses origin created_at",
    "escalations": "id task_id title reason kind severity status owner snoozed_until created_at resolved_at resolution version",
    "interventions": "id escalation_id kind question plan hash expires_at status answer actor created_at answered_at",
    "agent_consultations": "id task_id escalation_id round expert backend model stance plan confidence reasoning evidence_ids"
    " tokens_in tokens_out seconds created_at",
}

DAEMON = """
import sys, time
from pathlib import Path
from escalation import Desk
from orchestrator.config import Mail
from orchestrator.model import Status
from orchestrator.store import Store
from tests.store.made import a_fault, an_incident
state_dir = Path(sys.argv[1])
store, desk = Store(state_dir), Desk(state_dir, Mail(), "h")
if not store.ledger.rows("SELECT 1 FROM tasks"):
    for n in range(4):
        an_incident(store, a_fault(f"u{n}", f"c{n}"))
    for n in (1, 2, 3):
        store.close(n, Status.FIXED, phase=1, fix_successful=True, resolution="")
    desk.escalate(store.case(4).incident, "nothing left", body="")
    store.escalated(4, reason="nothing left")
store.remember_tick(time.time(), {})
print("ready", flush=True)
sys.stdin.readline()
desk.close(); store.shut()
"""


@pytest.fixture(scope="module")
def member() -> Iterator[str]:
    """A user whose only right is the group of the state directory."""
    name = f"orch{os.getpid()}"
    try:
        subprocess.run(["groupadd", f"{name}g"], check=True, capture_output=True)
        subprocess.run(["useradd", "-M", "-s", "/usr/sbin/nologin", "-G", f"{name}g", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user can be made here: {error}")
    yield name
    subprocess.run(["userdel", name], check=True, capture_output=True)
    subprocess.run(["groupdel", f"{name}g"], check=True, capture_output=True)


@pytest.fixture
def shared_dir(member: str) -> Iterator[Path]:
    """The state directory as the installer makes it, root's and the group's, where every user can get to."""
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o711)
        state_dir = Path(above, "state")
        state_dir.mkdir()
        os.chown(state_dir, 0, grp.getgrnam(f"{member}g").gr_gid)
        state_dir.chmod(0o2770)
        yield state_dir


class Daemon:
    """A process that holds both files open as the daemon does."""

    def __init__(self, state_dir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(state_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", self._process.communicate()[1]

    def end(self, how: str) -> None:
        if how == "killed":
            self._process.send_signal(signal.SIGKILL)
        self._process.communicate("\n" if how == "stopped" else None, timeout=60)


def ask(user: str, state_dir: Path, file: str, sql: str) -> str:
    account = pwd.getpwnam(user)
    done = subprocess.run(
        ["sqlite3", state_dir / file, sql],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(user, account.pw_gid),
        umask=0o077,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def assert_contract(user: str, state_dir: Path) -> None:
    assert ask(user, state_dir, "tasks.db", TASKS) == "4|3|75.0"
    assert ask(user, state_dir, "escalations.db", ESCALATIONS) == "1|open"


@pytest.mark.parametrize("how", ["running", "stopped", "killed"])
@pytest.mark.parametrize("order", ["root first", "member first"])
def test_the_queries_work_for_root_and_the_group(shared_dir: Path, member: str, how: str, order: str) -> None:
    """With the daemon running, stopped or killed, and in either order of the users, both get the right numbers."""
    daemon = Daemon(shared_dir)
    if how != "running":
        daemon.end(how)
    for user in ("root", member) if order == "root first" else (member, "root"):
        assert_contract(user, shared_dir)
    if how == "running":
        daemon.end("stopped")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_the_daemon_starts_again_after_a_member_came_first(shared_dir: Path, member: str, how: str) -> None:
    """A member who opens a stopped daemon's files leaves nothing behind that the next daemon, or root, cannot use."""
    Daemon(shared_dir).end(how)
    reader = subprocess.Popen(
        ["sqlite3", "-batch", shared_dir / "tasks.db"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=member,
        group=f"{member}g",
        umask=0o077,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("SELECT COUNT(*) FROM tasks;\n")
    reader.stdin.flush()
    assert reader.stdout.readline() == "4\n"
    daemon = Daemon(shared_dir)
    for user in (member, "root"):
        assert_contract(user, shared_dir)
    reader.communicate(timeout=60)
    daemon.end("killed")
    assert_contract(member, shared_dir)


def decide(state_dir: Path) -> list[int]:
    """What a person's command does: a decision, a note, a look."""
    inbox = Inbox(state_dir)
    click = inbox.put("approve", {}, "eve")
    inbox.close()
    with FrontDesk(state_dir) as front:
        version = front.note(1, "on it", "eve").version
    return [click, version, Reader(state_dir).list_incidents(Wanted()).total]


def as_user(name: str, state_dir: Path) -> list[int]:
    """`decide` in a child that is this user. Not a new program: the interpreter may lie where only root can read."""
    account = pwd.getpwnam(name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.umask(0o077)
        os.setgroups(os.getgrouplist(name, account.pw_gid))
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        try:
            said = json.dumps(decide(state_dir))
        except BaseException as error:  # noqa: BLE001  # told by the parent
            said = json.dumps(repr(error))
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = json.loads(answer.read())
    os.waitpid(child, 0)
    assert isinstance(said, list), said
    return said


def test_a_member_can_decide_beside_the_daemon(shared_dir: Path, member: str) -> None:
    """Inbox and front desk work for the group while the daemon runs and after it was killed; the reader, too."""
    daemon = Daemon(shared_dir)
    assert as_user(member, shared_dir) == [1, 3, 4]
    daemon.end("killed")
    assert as_user(member, shared_dir) == [2, 4, 4]
    daemon = Daemon(shared_dir)
    daemon.end("stopped")
    assert_contract("root", shared_dir)


def test_a_stranger_reads_nothing(shared_dir: Path, member: str) -> None:
    """Who is not in the group cannot even look."""
    del member
    Daemon(shared_dir).end("stopped")
    done = subprocess.run(
        ["sqlite3", shared_dir / "tasks.db", TASKS], check=False, capture_output=True, text=True, user="nobody", extra_groups=[]
    )
    assert done.returncode != 0


def test_times_are_utc_text_with_milliseconds(shared_dir: Path) -> None:
    """Every time is `YYYY-MM-DD HH:MM:SS.SSS`, which compares with SQLite's own."""
    Daemon(shared_dir).end("stopped")
    at = ask("root", shared_dir, "tasks.db", "SELECT detected_at FROM tasks LIMIT 1")
    assert len(at) == 23
    assert epoch(at) > 0
    newer = "SELECT COUNT(*) FROM tasks WHERE detected_at > datetime('now', '-5 minutes') AND detected_at < datetime('now', '+1 second')"
    assert ask("root", shared_dir, "tasks.db", newer) == "4"


@pytest.mark.parametrize("table", COLUMNS)
def test_the_columns_of_the_contract_are_there_in_their_order(shared_dir: Path, table: str) -> None:
    """More columns may follow; these stay."""
    Daemon(shared_dir).end("stopped")
    file = "escalations.db" if table in ("escalations", "interventions", "agent_consultations") else "tasks.db"
    columns = ask("root", shared_dir, file, f"SELECT name FROM pragma_table_info('{table}')").split()  # noqa: S608  # names of this file
    wanted = COLUMNS[table].split()
    assert columns[: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("file", "view"),
    [
        ("tasks.db", "v_success_by_phase"),
        ("tasks.db", "v_mttr"),
        ("tasks.db", "v_patterns_per_week"),
        ("escalations.db", "v_handoffs"),
        ("escalations.db", "v_interventions"),
    ],
)
def test_the_views_answer_by_the_command(shared_dir: Path, file: str, view: str) -> None:
    """Each view stands on the file that the contract names."""
    Daemon(shared_dir).end("stopped")
    rows = ask("root", shared_dir, file, f"SELECT * FROM {view}")  # noqa: S608  # names of this file
    assert bool(rows) == (view != "v_patterns_per_week")
