"""A damaged database at the start: put aside, replaced by the newest good copy, and told; and what is no damage is left alone."""

import fcntl
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Config
from orchestrator.daemon.opening import opened
from orchestrator.model import utc
from orchestrator.store import Reader, Store, StoreUnusable, recovering
from orchestrator.store.copies import make_copy
from orchestrator.store.ledger import Ledger
from orchestrator.store.recovering import JUMP
from orchestrator.store.verifying import verified
from orchestrator.store.words import StoreNewer
from tests.store.made import a_begun_change, a_fault, an_incident

FILES = ("tasks.db", "escalations.db")
Harm = Callable[[Path], None]


@pytest.fixture
def config(state_dir: Path) -> Config:
    return Config.model_validate({"daemon": {"state_dir": str(state_dir)}, "mail": {"to": ["ops@example.org"]}})


@pytest.fixture
def copied(config: Config, state_dir: Path) -> Path:
    """A healer's state with a copy of yesterday, and what was written since then."""
    store, desk = opened(config)
    an_incident(store)
    for n in range(300):
        store.audit("eve", "clicked", {"n": n, "text": "z" * 500})
        desk.ledger.insert("answers", {"once": f"{n}", "at": "x", "answer": "z" * 500})
    make_copy(state_dir, time.time() - 86_400)
    a_begun_change(store, an_incident(store, a_fault("later.service")))
    _close(store, desk)
    return state_dir


def _close(store: Store, desk: Desk) -> None:
    desk.close()
    store.shut()


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xa5" * 4096 * 20)


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all\n" * 500)


def _torn(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [_overwritten, _no_database, _torn, _emptied])
def test_a_damaged_file_is_replaced_and_told(copied: Path, config: Config, name: str, harm: Harm) -> None:
    """Kept under the time, replaced by the copy, told by mail, by `status` and in the audit: from when to when what is lost."""
    harm(copied / name)
    broken = (copied / name).read_bytes()
    store, desk = opened(config)
    (told,) = Reader(copied).status()["put_back"]
    (mail,) = desk.ledger.rows("SELECT subject, body FROM mails")
    assert mail["subject"].endswith(f"DAMAGED {name}: a copy took its place")
    assert told["detail"]["lost_from"][:16] in mail["body"]
    assert told["detail"]["lost_from"] < told["detail"]["lost_to"]
    assert (Path(told["detail"]["kept_as"]) / name).read_bytes()[4096:] == broken[4096:], "but for what opening it wrote into its head"
    audit = store.ledger.rows("SELECT * FROM audit ORDER BY id")
    found = verified(audit, audit[-1]["id"])
    assert found.wrong == ()
    assert len(found.lost) == (name == "tasks.db")
    targets = {row["target"] for row in store.ledger.rows("SELECT target FROM tasks")}
    assert ("later.service" in targets) == (name != "tasks.db"), "the other file is as it was"
    _close(store, desk)
    again = opened(config)
    assert len(Reader(copied).status()["put_back"]) == 1, "told once"
    assert len(again[1].ledger.rows("SELECT id FROM mails")) == 1
    _close(*again)


def test_no_number_of_what_was_lost_is_given_again(copied: Path, config: Config) -> None:
    """An escalation, a mail or the hands' record may still know it: the next ones lie far beyond."""
    _no_database(copied / "tasks.db")
    store, desk = opened(config)
    number = an_incident(store, a_fault("x.service"))
    _, change = a_begun_change(store, number)
    assert min(number, change) > JUMP
    _close(store, desk)


def test_the_newest_good_copy_is_taken(copied: Path, config: Config) -> None:
    """A copy that is damaged too is passed over."""
    newer = make_copy(copied, time.time()).directory
    for path in (newer / "tasks.db", copied / "tasks.db"):
        _no_database(path)
    store, desk = opened(config)
    (told,) = Reader(copied).status()["put_back"]
    assert told["detail"]["lost_from"][:10] == utc(time.time() - 86_400)[:10]
    _close(store, desk)


def test_without_a_good_copy_it_is_refused_and_nothing_is_moved(copied: Path, config: Config) -> None:
    """A healer with an empty memory would forget what people said: pauses, refusals, what it did an hour ago."""
    for path in (*(copied / "backup").glob("*/tasks.db"), copied / "tasks.db"):
        _no_database(path)
    with pytest.raises(StoreUnusable, match="none of the copies"):
        opened(config)
    assert (copied / "tasks.db").read_bytes().startswith(b"this is no database")


def test_a_lock_or_a_newer_version_is_no_damage(copied: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying later, or another version, is what helps: nothing is put aside."""
    monkeypatch.setattr("orchestrator.store.ledger.BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(copied / "tasks.db")) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnusable, match="locked"):
            opened(config)
    with sqlite3.connect(copied / "tasks.db") as file:
        file.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('tasks', 'm999_future', '2030')")
    with pytest.raises(StoreNewer, match="newer version"):
        opened(config)
    assert not (copied / "damaged").exists()


def test_beside_another_healer_nothing_is_put_back(copied: Path, config: Config) -> None:
    """Who holds the lock has the file open."""
    _no_database(copied / "tasks.db")
    with (copied / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnusable, match="another healer"):
            opened(config)


_KILLED = """
import os, sys, time
from pathlib import Path
from orchestrator.store import recovering
from orchestrator.store.words import StoreDamaged
step, left = sys.argv[2], [int(sys.argv[3])]
def dying(name, real):
    def run(*args, **kwargs):
        if name == step:
            left[0] -= 1
            if left[0] < 0: os._exit(9)
        return real(*args, **kwargs)
    return run
Path.rename = dying("rename", Path.rename)
os.sync = dying("sync", os.sync)
path = Path(sys.argv[1]) / "tasks.db"
recovering.put_back(StoreDamaged("broken", path), time.time())
"""


@pytest.mark.parametrize(("step", "n"), [("rename", 0), ("rename", 1), ("rename", 2), ("rename", 3), ("sync", 0), ("sync", 1)])
def test_a_death_in_the_middle_is_taken_up(copied: Path, config: Config, step: str, n: int) -> None:
    """Whichever step it came before: the next start ends with the copy in place, and tells it."""
    _no_database(copied / "tasks.db")
    (copied / "tasks.db-wal").write_bytes(b"a log that belongs to the damaged file")
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(copied), step, str(n)], check=False).returncode
    store, desk = opened(config)
    assert ended == 9
    assert len(Reader(copied).status()["put_back"]) == 1
    assert [row["target"] for row in store.ledger.rows("SELECT target FROM tasks")] == ["web.service"]
    assert sorted(path.name for path in (copied / "damaged").iterdir() if "under-way" in path.name) == []
    _close(store, desk)


def test_what_was_met_while_it_ran_is_looked_into_at_the_next_start(copied: Path, config: Config) -> None:
    """SQLite's quick check passes over an index that does not fit its table: a suspect is looked at as a whole."""
    with sqlite3.connect(copied / "tasks.db") as file:
        page = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tasks_by_key'").fetchone()[0]
    with (copied / "tasks.db").open("r+b") as raw:
        raw.seek((page - 1) * 4096)
        index = raw.read(4096)
        raw.seek((page - 1) * 4096)
        raw.write(index.replace(b"unit_failed:later", b"unit_failed:LATER"))
    store, desk = opened(config)
    _close(store, desk)
    assert not (copied / "damaged").exists(), "the quick check sees nothing"
    recovering.suspect(copied / "tasks.db")
    store, desk = opened(config)
    assert len(Reader(copied).status()["put_back"]) == 1
    assert not list(copied.glob("*.suspect"))
    _close(store, desk)


def test_only_the_newest_damaged_files_are_kept(copied: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks at every start must not fill the disk."""
    now = time.time()
    for n in range(5):
        monkeypatch.setattr(time, "time", lambda n=n: now + n)
        _no_database(copied / "tasks.db")
        _close(*opened(config))
    assert len(list((copied / "damaged").iterdir())) == recovering.KEPT


def test_damage_that_is_met_while_it_runs_is_noted(copied: Path, config: Config) -> None:
    """The daemon then ends itself, since the next start can mend it; a lock is no damage."""
    store, desk = opened(config)
    store.ledger.run("PRAGMA cache_size = 0")
    ledger: Ledger = store.ledger
    _overwritten(copied / "tasks.db")
    ledger.db.conn.execute("PRAGMA shrink_memory")
    with pytest.raises(Exception, match=r"malformed|damaged|disk image|not a database"):
        ledger.look(lambda: [ledger.rows(f"SELECT * FROM {name}") for name in ("audit", "tasks", "attempts", "evidence")])  # noqa: S608  # its own tables
    assert ledger.is_damaged
    _close(store, desk)
