"""A disk without room: the reserve is given back, and nothing is lost."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store import Inbox, Store, StoreFailed, StoreUnusable
from orchestrator.store.reserve import RESERVE_BYTES, RESERVE_INODES
from tests.store.made import a_fault, an_incident, rows

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """24 MB and 200 inodes of their own."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,nr_inodes=200", "tmpfs", point], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield point
    subprocess.run(["umount", "-l", point], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * MEGABYTE):
                pass
        except OSError:
            pass
        try:
            while file.write(b"x"):
                pass
        except OSError:
            pass
    assert os.statvfs(disk).f_bavail == 0
    return filler


def test_the_reserve_is_really_allocated(small_disk: Path) -> None:
    """Its blocks and inodes are taken, not promised."""
    before = os.statvfs(small_disk)
    with Store(small_disk / "state") as store:
        assert store.ledger.reserve.whole
        after = os.statvfs(small_disk)
        assert (before.f_bfree - after.f_bfree) * after.f_frsize >= RESERVE_BYTES
        assert before.f_ffree - after.f_ffree > RESERVE_INODES


def test_writes_go_on_when_the_disk_is_full(small_disk: Path) -> None:
    """The disk fills up under the daemon: incidents still open, clicks still arrive, and the reserve comes back afterwards."""
    with Store(small_disk / "state") as store:
        filler = fill(small_disk)
        ids = [an_incident(store, a_fault(f"u{n}.service", f"c{n}")) for n in range(100)]
        inbox = Inbox(small_disk / "state")
        inbox.put("approve", {}, "eve")
        inbox.close()
        whole = [store.ledger.reserve.whole]
        store.tidy(time.time())
        whole.append(store.ledger.reserve.whole)
        filler.unlink()
        store.tidy(time.time())
        whole.append(store.ledger.reserve.whole)
        assert whole == [False, False, True]
    with Store(small_disk / "state") as store:
        assert [row["id"] for row in rows(store, "SELECT id FROM tasks ORDER BY id")] == ids
        assert len(store.take_clicks()) == 1


def test_a_daemon_starts_on_a_full_disk(small_disk: Path) -> None:
    """A restart while the disk is full opens what was there and can write."""
    Store(small_disk / "state").shut()
    fill(small_disk)
    with Store(small_disk / "state") as store:
        assert an_incident(store) == 1


def test_when_the_reserve_is_used_up_a_write_fails_whole(small_disk: Path) -> None:
    """Then nothing is written and nothing is damaged; reading goes on, and writing too once there is room."""
    with Store(small_disk / "state") as store:
        task_id = an_incident(store)
        filler = fill(small_disk)
        with pytest.raises(StoreFailed, match=r"even with the reserve freed|cannot be written"):
            flood(store)
        written = len(rows(store, "SELECT id FROM audit"))
        assert [turn.incident for turn in store.turns(time.time())] == [task_id]
        filler.unlink()
        store.audit("x", "y", {})
        assert len(rows(store, "SELECT id FROM audit")) == written + 1
        assert rows(store, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def flood(store: Store) -> None:
    for n in range(10_000):
        store.audit("x", "y", {"n": n, "text": "z" * 20_000})


def test_a_disk_without_inodes_is_survived(small_disk: Path) -> None:
    """The reserve holds inodes, too: a database whose log files must be made anew can be opened and written."""
    state_dir = small_disk / "state"
    Store(state_dir).shut()
    for n in range(300):
        try:
            (small_disk / f"inode-{n}").touch()
        except OSError:
            break
    assert os.statvfs(small_disk).f_ffree == 0
    with Store(state_dir) as store:
        assert an_incident(store) == 1


def test_a_first_start_on_a_full_disk_is_a_clear_word(small_disk: Path) -> None:
    """Without any reserve yet there is nothing to give: the message names file and reason."""
    fill(small_disk)
    with pytest.raises(StoreUnusable, match=r"tasks\.db"):
        Store(small_disk / "state")
