"""The nightly copy: of both files, whole or not at all, and never at the disk's expense."""

import os
import sqlite3
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.model import epoch
from orchestrator.store import Store, copies
from orchestrator.store.copies import NotCopied, is_due, make_copy
from tests.store.made import an_incident

NOW = epoch("2026-11-21 12:00:00.000")
DAY = 86_400.0


@pytest.fixture
def state(store: Store, desk: Desk, state_dir: Path) -> Path:
    """Both files, with an incident, while the daemon has them open."""
    del desk
    an_incident(store)
    return state_dir


def test_a_copy_is_both_files_as_they_are(state: Path) -> None:
    """What was written a moment ago is in it; it is one file each, for the group, and stands by itself."""
    made = make_copy(state, NOW)
    assert made.directory == state / "backup" / "2026-11-21T12-00-00Z"
    assert sorted(path.name for path in made.directory.iterdir()) == ["escalations.db", "tasks.db"]
    assert stat.S_IMODE((made.directory / "tasks.db").stat().st_mode) == 0o660
    with sqlite3.connect(made.directory / "tasks.db") as copy:
        assert copy.execute("SELECT COUNT(*) FROM tasks").fetchone() == (1,)


def test_one_a_night_and_the_newest_seven(state: Path) -> None:
    """Due after three in the morning, whenever the daemon comes to it; the first one at once."""
    assert is_due(state, NOW)
    for night in range(10):
        make_copy(state, NOW + night * DAY)
        assert not is_due(state, NOW + night * DAY + 14 * 3600), "still before the next night"
        assert is_due(state, NOW + night * DAY + 16 * 3600)
    kept = [copy.directory.name[:10] for copy in copies.copies(state)]
    assert kept == [f"2026-11-{day}" for day in range(30, 23, -1)]
    assert is_due(state, NOW - 30 * DAY), "the clock was set back"


def test_a_damaged_file_is_not_copied_over_a_good_one(state: Path, store: Store, desk: Desk) -> None:
    """It is said, nothing half made is left, and the copies of before stay."""
    good = make_copy(state, NOW)
    for n in range(200):
        store.audit("x", "y", {"n": n, "text": "z" * 500})
    store.shut()
    desk.close()
    with (state / "tasks.db").open("r+b") as file:
        file.seek(12 * 4096)
        file.write(b"\xa5" * 4096 * 20)
    with pytest.raises(NotCopied):
        make_copy(state, NOW + DAY)
    assert [path.name for path in (state / "backup").iterdir()] == [good.directory.name]


def test_a_nearly_full_disk_gets_no_copy(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is for the host's worst day, and must not be its cause."""
    room = namedtuple("room", "f_bavail f_frsize")  # noqa: PYI024  # as os.statvfs has it
    monkeypatch.setattr(os, "statvfs", lambda _path: room(1000, 4096))
    with pytest.raises(NotCopied, match="nearly full: 3 MB are free"):
        make_copy(state, NOW)
    assert copies.copies(state) == ()


def test_what_a_death_left_half_made_counts_for_nothing(state: Path) -> None:
    """It is no copy, and goes with the next one."""
    half = state / "backup" / "2026-11-20T03-00-00Z.making"
    half.mkdir(parents=True)
    (half / "tasks.db").write_bytes(b"half")
    assert copies.copies(state) == ()
    make_copy(state, NOW)
    assert not half.exists()


def test_a_link_in_place_of_the_directory_is_not_followed(state: Path, tmp_path: Path) -> None:
    """A member of the group may write beside it, and root must not be led elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (state / "backup").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotCopied, match="is not a directory"):
        make_copy(state, NOW)
    assert list((tmp_path / "elsewhere").iterdir()) == []
