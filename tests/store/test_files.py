"""Modes, links, the lock, and files that cannot be used."""

import errno
import os
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.store import Inbox, Reader, Store, StoreFailed, StoreUnusable
from tests.host.nobody import NOBODY
from tests.store.made import an_incident, rows

HOLD = """
import sys; from pathlib import Path; from orchestrator.store import Store
store = Store(Path(sys.argv[1])); store.lock(); print("held", flush=True); sys.stdin.read()
"""


@pytest.fixture(params=[0o000, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(state_dir: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (state_dir, *state_dir.iterdir())}


def test_modes_are_right_under_any_umask(umask: int, state_dir: Path) -> None:
    """The group can read and write all of it and nobody else any of it, the files beside the database included."""
    del umask
    with Store(state_dir) as store:
        store.lock()
        an_incident(store)
        found = modes(state_dir)
    assert found == {
        "state": 0o2770,
        "reserve": 0o2770,
        "tasks.db": 0o660,
        "tasks.db-wal": 0o660,
        "tasks.db-shm": 0o660,
        "lock": 0o660,
    }


def test_modes_that_went_wrong_are_put_right(state_dir: Path) -> None:
    """What another tool or an old version left too open or too closed is corrected at the next start."""
    Store(state_dir).shut()
    state_dir.chmod(0o755)
    (state_dir / "tasks.db").chmod(0o644)
    with Store(state_dir):
        assert (modes(state_dir)["state"], modes(state_dir)["tasks.db"]) == (0o2770, 0o660)


@pytest.mark.parametrize("kind", ["symlink", "hard link", "directory"])
def test_a_link_in_place_of_the_database_is_not_followed(state_dir: Path, tmp_path: Path, kind: str) -> None:
    """Who may write into the directory must not make root change the mode of, or write into, another file."""
    state_dir.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    match kind:
        case "symlink":
            (state_dir / "tasks.db").symlink_to(victim)
        case "hard link":
            (state_dir / "tasks.db").hardlink_to(victim)
        case _:
            (state_dir / "tasks.db").mkdir()
    with pytest.raises(StoreUnusable, match="move it away"):
        Store(state_dir)
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("precious", 0o600)


def test_a_second_healer_is_refused_with_the_first_one_s_pid(state_dir: Path) -> None:
    """Two healers never work on one state directory, and the lock goes with its holder, however that dies."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(state_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with Store(state_dir) as store:
            with pytest.raises(StoreUnusable, match=rf"another healer .*pid {first.pid}\)"):
                store.lock()
            first.kill()
            first.wait()
            store.lock()
            store.lock()


def test_two_healers_in_one_process_are_refused_too(store: Store, state_dir: Path) -> None:
    """The lock does not depend on who asks."""
    store.lock()
    with Store(state_dir) as other, pytest.raises(StoreUnusable, match="another healer"):
        other.lock()


def test_a_forked_helper_does_not_keep_the_lock(state_dir: Path) -> None:
    """A child that hangs after its daemon died leaves the state directory to the next daemon."""
    store = Store(state_dir)
    store.lock()
    child = os.fork()
    if child == 0:
        signal.pause()
    store.shut()
    try:
        with Store(state_dir) as following:
            following.lock()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"this is no database at all, but it is long enough to be one" * 20, "no database"),
        (b"SQLite format 3\0" + b"\xff" * 4096, "tasks.db"),
    ],
)
def test_a_file_that_is_no_database_is_told_and_kept(state_dir: Path, content: bytes, word: str) -> None:
    """Nothing is overwritten: the word says which file, and what to do."""
    state_dir.mkdir()
    file = state_dir / "tasks.db"
    file.write_bytes(content)
    with pytest.raises(StoreUnusable, match=word) as refused:
        Store(state_dir)
    assert str(file) in str(refused.value)
    assert file.read_bytes() == content


def test_a_damaged_database_is_refused_at_the_start(store: Store, state_dir: Path) -> None:
    """A page that was overwritten is found before anything is built on it."""
    for n in range(200):
        store.audit("x", "y", {"n": n, "text": "z" * 500})
    store.shut()
    with (state_dir / "tasks.db").open("r+b") as file:
        for page in range(12, 40):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    with pytest.raises(StoreUnusable, match="damaged"):
        Store(state_dir)


def test_a_newer_database_is_refused(store: Store, state_dir: Path) -> None:
    """A version that does not know the schema touches nothing, and names what it does not know."""
    store.ledger.run("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('tasks', 'm999_future', '2030')")
    for opened in (Store, Inbox):
        with pytest.raises(StoreUnusable, match=r"newer version .*m999_future"):
            opened(state_dir)


def test_only_the_daemon_migrates(store: Store, state_dir: Path) -> None:
    """An older schema is left to the daemon: the inbox says so, and the next store brings it up to date."""
    store.ledger.run("DROP VIEW v_mttr")
    store.ledger.run("DROP VIEW v_success_by_phase")
    store.ledger.run("DROP VIEW v_patterns_per_week")
    store.ledger.run("DELETE FROM _sqlite_migrations WHERE name = 'm005_views'")
    with pytest.raises(StoreUnusable, match="older version"):
        Inbox(state_dir)
    with Store(state_dir) as migrated:
        assert rows(migrated, "SELECT * FROM v_mttr") == []
    Inbox(state_dir).close()


def test_nobody_migrates_under_a_healer_that_runs(store: Store, state_dir: Path) -> None:
    """A newer version that is started beside a running one leaves the running one's schema alone."""
    store.lock()
    store.ledger.run("DELETE FROM _sqlite_migrations WHERE name = 'm005_views'")
    with pytest.raises(StoreUnusable, match="older version"):
        Store(state_dir)


def test_a_failed_write_changes_nothing(store: Store, state_dir: Path) -> None:
    """A write that another program blocks fails as a whole, and the next one works."""
    task_id = an_incident(store)
    store.ledger.db.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreFailed, match="cannot be written"):
        store.begin_phase(task_id, 1)
    store.ledger.db.conn.execute("PRAGMA query_only = OFF")
    assert rows(store, "SELECT status FROM tasks") == [{"status": "open"}]
    store.begin_phase(task_id, 1)
    assert sqlite3.connect(state_dir / "tasks.db").execute("SELECT status FROM tasks").fetchone() == ("healing",)


def test_a_shut_store_says_so_instead_of_crashing(state_dir: Path) -> None:
    """A thread that comes late gets the error that it knows."""
    store = Store(state_dir)
    store.shut()
    store.shut()
    with pytest.raises(StoreFailed, match="closed"):
        store.turns(0)


def test_a_place_that_nobody_may_look_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is neither root nor of the group hears that, and of no bug."""

    def forbidden(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", forbidden)
    with pytest.raises(StoreUnusable, match=r"cannot be read \(Permission denied\): be root or a member of its group"):
        Inbox(tmp_path)


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A state directory that is a file, or lies below one, is a clear word and no traceback."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(StoreUnusable, match="file"):
            Store(place)


def test_the_database_gives_space_back(store: Store) -> None:
    """Incremental vacuum is on from the first table: what is deleted returns to the disk."""
    assert rows(store, "PRAGMA auto_vacuum") == [{"auto_vacuum": 2}]
    settings = {
        name: rows(store, f"PRAGMA {name}")[0][name] for name in ("journal_mode", "synchronous", "trusted_schema", "cell_size_check")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "trusted_schema": 0, "cell_size_check": 1}
    for n in range(300):
        store.audit("x", "y", {"n": n, "text": "z" * 2000})
    pages = rows(store, "PRAGMA page_count")[0]["page_count"]
    store.cut_audit(300)
    store.ledger.run("DELETE FROM audit WHERE id <= 300")
    store.tidy(0.0)
    assert rows(store, "PRAGMA page_count")[0]["page_count"] < pages / 2
    assert (store.ledger.path.with_name("tasks.db-wal")).stat().st_size == 0


def test_a_lock_that_was_let_go_is_free_beside_a_child_on_its_way(tmp_path: Path) -> None:
    """Between fork and exec a child shares the open file: that must not keep the next healer out."""
    with Store(tmp_path) as store:
        store.lock()
        open_files = [link for link in Path("/proc/self/fd").iterdir() if link.exists() and link.samefile(tmp_path / "lock")]
        shared = [os.dup(int(link.name)) for link in open_files]
        assert shared
    with Store(tmp_path) as after:
        after.lock()
    for descriptor in shared:
        os.close(descriptor)


@pytest.fixture
def at_hand() -> Iterator[Path]:
    """Where an ordinary user gets to, as to /var/lib."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def a_journal_that_removes(path: Path) -> bytes:
    """As SQLite leaves it of a transaction over several files: the one that is named in it goes when it is rolled back (fileformat2)."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(path).encode()
    head = (magic + struct.pack(">IIIII", 0, 1, 1, 512, 4096)).ljust(512, b"\0")
    return head + struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be made to remove what is root's")
@pytest.mark.parametrize("opened", [Inbox, lambda state: Reader(state).status()])
def test_root_obeys_no_journal_of_the_daemons_user(at_hand: Path, opened: Callable[[Path], object]) -> None:
    """Whoever owns the directory could have root remove any file, when root asks for the state of things."""
    state_dir, precious = at_hand / "state", at_hand / "precious"
    Store(state_dir).shut()
    precious.write_text("root's")
    precious.chmod(0o600)
    (state_dir / "tasks.db-journal").write_bytes(a_journal_that_removes(precious))
    for path in (state_dir, *state_dir.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    with suppress(StoreFailed, StoreUnusable):  # it may be refused, too
        opened(state_dir)
    assert precious.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be careful")
def test_root_reads_and_decides_in_the_daemons_own_files(at_hand: Path) -> None:
    """With the daemon stopped, with it at work, and after it was killed; what root leaves there is the daemon's."""
    state_dir = at_hand / "state"
    with Store(state_dir) as store:
        an_incident(store)
        for path in (state_dir, *state_dir.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        assert Reader(state_dir).status()["incidents"]
    for _ in range(2):
        assert Reader(state_dir).status()["incidents"]
        with Inbox(state_dir) as inbox:
            assert inbox.put("note", {"words": "seen"}, "root")
    assert {path.stat().st_uid for path in state_dir.iterdir()} == {NOBODY}
    assert os.geteuid() == 0
