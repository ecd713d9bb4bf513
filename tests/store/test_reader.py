"""Reading beside, after and before the daemon; and only reading."""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Mail
from orchestrator.model import Blind, Evidence, Minute, Outcome, Status
from orchestrator.store import QueryRefused, Reader, Store, StoreFailed, Wanted
from orchestrator.store import reader as reader_module
from tests.store.made import a_begun_change, a_fault, a_proposal, an_incident

NOW = time.time()


def test_before_any_daemon_there_is_an_empty_answer(state_dir: Path) -> None:
    """Status, lists and metrics answer before a database exists, and make none."""
    reader = Reader(state_dir)
    assert reader.status()["daemon"] is None
    assert reader.metrics()["seven_days"] is None
    assert reader.checks() == reader.patterns() == []
    assert reader.story(1) is reader.escalation(1) is None
    assert not state_dir.exists()
    with pytest.raises(QueryRefused, match="no such table"):
        reader.sql("SELECT * FROM tasks")


def test_the_story_holds_both_files(store: Store, state_dir: Path) -> None:
    """One incident with everything that belongs to it: symptoms, evidence, attempts, changes, votes, questions."""
    both = (a_fault("mount"), a_fault("web.service"))
    store.observe("unit_failed", both, NOW, lambda _faults: {"unit_failed:web.service": "unit_failed:mount"})
    store.add_evidence(1, [Evidence(source="journal", text="gone")])
    attempt_id, _ = a_begun_change(store, 1)
    store.end_attempt(attempt_id, Outcome.NO_EFFECT, "still failed")
    with Desk(state_dir, Mail(), "h") as desk:
        case = store.case(1)
        assert case is not None
        desk.minutes(1, [Minute(expert="sceptic", stance="person", reasoning="unclear")])
        number = desk.escalate(case.incident, "nothing left", body="the story", kind="approval", proposal=a_proposal())
        desk.note(number, "on it", "eve")
    reader = Reader(state_dir)
    story = reader.story(1)
    assert story is not None
    assert story["task"]["fault"]["target"] == "mount"
    assert [symptom["target"] for symptom in story["symptoms"]] == ["web.service"]
    assert story["attempts"][0]["changes"][0]["action"] == {"kind": "start_unit", "unit": "web.service"}
    assert "before" not in story["attempts"][0]["changes"][0]
    assert [item["text"] for item in story["evidence"]] == ["gone"]
    assert [minute["expert"] for minute in story["minutes"]] == ["sceptic"]
    assert story["escalations"][0]["reason"] == "nothing left"
    assert story["interventions"][0]["plan"] == [{"kind": "start_unit", "unit": "web.service"}]
    found = reader.escalation(number)
    assert found is not None
    assert [note["text"] for note in found["notes"]] == ["nothing left", "on it"]
    assert found["outbox"][0]["kind"] == "problem"
    assert found["task"]["id"] == 1
    assert [row["id"] for row in reader.list_escalations(Wanted()).rows] == [number]


def test_the_score_has_both_denominators(store: Store, state_dir: Path) -> None:
    """The fix rate of all rows, and of those that needed something and ended."""
    for n in range(4):
        an_incident(store, a_fault(f"u{n}", f"c{n}"))
    store.close(1, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.escalated(2, reason="nothing left")
    store.observe("c2", (), NOW)
    metrics = Reader(state_dir).metrics()
    assert metrics["seven_days"] == {"total": 4, "fixed": 1, "needed": 2, "fix_rate": 25.0, "fix_rate_of_needed": 50.0}
    assert metrics["by_phase"] == [
        {"phase": 1, "ended": 1, "fixed": 1, "fix_rate": 100.0},
        {"phase": 4, "ended": 1, "fixed": 0, "fix_rate": 0.0},
    ]
    assert [row["check_name"] for row in metrics["time_to_repair"]] == ["c0"]


def test_status_tells_blindness_and_maintenance(store: Store, state_dir: Path) -> None:
    """What the daemon cannot see, and where it may not act, is said."""
    store.observe("disk_full", Blind(reason="the mount hangs"), NOW)
    store.pause("web", until=time.time() + 100, reason="deploy", actor="eve")
    status = Reader(state_dir).status()
    assert [check["detail"] for check in status["blind_checks"]] == ["the mount hangs"]
    assert [window["service"] for window in status["maintenance"]] == ["web"]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM tasks",
        "UPDATE escalations SET status = 'resolved'",
        "INSERT INTO tasks.audit (at, actor, what, detail) VALUES ('', '', '', '')",
        "DROP TABLE tasks",
        "CREATE TEMP TABLE x (y)",
        "ATTACH '/etc/passwd' AS p",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "VACUUM",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT 1; DELETE FROM tasks",
        "BEGIN IMMEDIATE",
        "no sql",
        "",
    ],
)
def test_people_s_sql_can_only_read(store: Store, state_dir: Path, query: str) -> None:
    """Whatever would change, attach, load or switch something is refused with a word, and changes nothing."""
    an_incident(store)
    Desk(state_dir, Mail(), "h").close()
    reader = Reader(state_dir)
    if query:
        with pytest.raises(QueryRefused):
            reader.sql(query)
    assert reader.sql("SELECT COUNT(*) AS n FROM tasks") == [{"n": 1}]


def test_people_s_sql_sees_both_files(store: Store, state_dir: Path) -> None:
    """Tables of both files stand side by side, with and without the file's name, views included."""
    an_incident(store)
    Desk(state_dir, Mail(), "h").close()
    joined = "SELECT t.id FROM tasks.tasks AS t LEFT JOIN escalations.escalations AS e ON e.task_id = t.id WHERE e.id IS NULL"
    assert Reader(state_dir).sql(joined) == [{"id": 1}]
    for name in ("v_success_by_phase", "v_mttr", "v_patterns_per_week", "v_handoffs", "v_interventions"):
        assert Reader(state_dir).sql(f"SELECT * FROM {name}") == []  # noqa: S608  # names of this file


def test_a_query_without_end_is_stopped(store: Store, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's SELECT has a deadline."""
    del store
    monkeypatch.setattr(reader_module, "SQL_SECONDS", 0.2)
    with pytest.raises(QueryRefused, match="longer than"):
        Reader(state_dir).sql("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT MAX(x) FROM c")


def test_a_file_that_cannot_be_read_is_a_clear_word(state_dir: Path) -> None:
    """No traceback at a person whose state directory is damaged."""
    state_dir.mkdir()
    (state_dir / "tasks.db").write_bytes(b"nothing like a database" * 100)
    with pytest.raises(StoreFailed, match="cannot be read"):
        Reader(state_dir).status()


def test_a_file_of_an_older_version_says_so(store: Store, state_dir: Path) -> None:
    """New code beside a file that the daemon has not brought up to date yet: what to do, and no word of SQL alone."""
    an_incident(store)
    Desk(state_dir, Mail(), "h").close()
    reader = Reader(state_dir)
    store.ledger.run("DROP INDEX tasks_listed")
    with pytest.raises(StoreFailed, match=r"was made by an older version \(no such index.*\): start the daemon once"):
        reader.list_incidents(Wanted())
    store.ledger.run("DROP TABLE tallies")
    with pytest.raises(StoreFailed, match="older version"):
        reader.tallies()
    assert reader.list_escalations(Wanted()).total == 0


def test_a_file_that_another_program_holds_is_waited_for_a_moment(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is being put back: a word after the wait, and the rows again when it is let go."""
    monkeypatch.setattr(reader_module, "BUSY_SECONDS", 0.1)
    with Store(state_dir) as store:
        an_incident(store)
    with closing(sqlite3.connect(state_dir / "tasks.db", isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFailed, match=r"cannot be read \(database is locked\): another program holds it; try again later"):
            Reader(state_dir).list_incidents(Wanted())
    assert Reader(state_dir).list_incidents(Wanted()).total == 1


def test_a_reader_that_is_held_open_holds_nothing_up(store: Store, state_dir: Path) -> None:
    """Between two answers the log can be given back whole; what was written meanwhile is read."""
    an_incident(store)
    with Reader(state_dir).held() as reader:
        assert reader.list_incidents(Wanted()).total == 1
        an_incident(store, a_fault("b", "b"))
        busy, *_ = store.ledger.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, (state_dir / "tasks.db-wal").stat().st_size) == (0, 0)
        assert reader.list_incidents(Wanted()).total == 2
    assert reader.list_incidents(Wanted()).total == 2


_WRITER = """
import sys, time
from pathlib import Path
from orchestrator.store import Store
from tests.store.made import a_fault, an_incident
slowest = 0.0
with Store(Path(sys.argv[1])) as store:
    for n in range(300):
        began = time.monotonic()
        an_incident(store, a_fault(f"u{n}", f"c{n}"))
        slowest = max(slowest, time.monotonic() - began)
    store.tidy(time.time())
print(slowest)
"""


def test_people_who_look_do_not_hold_the_daemon_up(state_dir: Path) -> None:
    """A process that writes, and two that read all the while: no error on either side, no write waits, all of it is there."""
    Store(state_dir).shut()
    Desk(state_dir, Mail(), "h").close()
    failures: list[BaseException] = []
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(state_dir)], stdout=subprocess.PIPE, text=True) as writer:

        def look() -> None:
            seen = 0
            try:
                while writer.poll() is None:
                    with Reader(state_dir).held() as reader:
                        reader.metrics()
                        total = reader.list_incidents(Wanted(q="failed", sort="severity")).total
                        assert total >= seen
                        seen = total
            except BaseException as error:  # noqa: BLE001  # it is told in the test's own thread
                failures.append(error)

        readers = [threading.Thread(target=look) for _ in range(2)]
        for thread in readers:
            thread.start()
        out, _ = writer.communicate(timeout=120)
        for thread in readers:
            thread.join()
    assert failures == []
    assert writer.returncode == 0
    assert float(out) < 4.0
    assert Reader(state_dir).list_incidents(Wanted()).total == 300


def test_readers_and_the_writer_do_not_disturb_each_other(store: Store, state_dir: Path) -> None:
    """Threads of the daemon write while the dashboard's read: no error on either side, and every write is there."""
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: object) -> None:
        try:
            assert callable(work)
            work()
        except BaseException as error:  # noqa: BLE001  # it is told in the test's own thread
            failures.append(error)

    def write(name: str) -> None:
        for n in range(40):
            an_incident(store, a_fault(f"u{n}", f"{name}-{n}"))

    def read() -> None:
        while not done.is_set():
            Reader(state_dir).metrics()

    writers = [threading.Thread(target=guarded, args=(lambda name=name: write(name),)) for name in "abcd"]
    readers = [threading.Thread(target=guarded, args=(read,)) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert Reader(state_dir).metrics()["all_time"]["total"] == 160
