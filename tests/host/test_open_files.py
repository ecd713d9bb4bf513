"""What processes hold of a file system: found by their descriptors, since no directory shows it."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Service
from orchestrator.host import OpenFile, Unavailable, Unit, View, places, room

SIZE = 1 << 20


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


def _own(view: View, path: Path) -> list[OpenFile]:
    point = view.mounts.of_path(str(path)).point
    return [file for file in view.open_files.of((os.getpid(),), point) if file.path == str(path)]


def test_a_deleted_file_is_found_with_what_it_takes(view: View, tmp_path: Path) -> None:
    """It has no name any more, and still its size and its last name are told."""
    path = tmp_path / "gone.log"
    with path.open("ab") as file:
        file.write(b"x" * SIZE)
        file.flush()
        assert [found.deleted for found in _own(view, path)] == [False]
        path.unlink()
        [found] = _own(view, path)
        assert (found.deleted, found.writes, found.reads, found.pid) == (True, True, False, os.getpid())
        assert found.size >= SIZE
    assert _own(view, path) == []


def test_a_scratch_file_that_is_read_back_is_no_log(view: View, tmp_path: Path) -> None:
    """A data server's temporary file is opened for reading and writing, and that is told from a log."""
    path = tmp_path / "scratch"
    with path.open("w+b"):
        [found] = _own(view, path)
        assert (found.writes, found.reads) == (True, True)


def test_memory_with_a_descriptor_is_no_file_of_a_disk(view: View) -> None:
    """memfd_create(2) looks like a deleted file on the root file system, and takes none of its room."""
    descriptor = os.memfd_create("lab")
    try:
        os.write(descriptor, b"x" * SIZE)
        assert not [file for file in view.open_files.of((os.getpid(),), "/") if "memfd" in file.path]
    finally:
        os.close(descriptor)


def test_several_processes_of_nobody_are_told_one_by_one(view: View, tmp_path: Path) -> None:
    """Without a unit the process itself is the owner; what it wrote is counted once for each."""
    path = tmp_path / "log"
    with path.open("ab") as file, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as child:
        file.write(b"x" * SIZE)
        file.flush()
        files = [found for found in view.open_files.on(view.mounts.of_path(str(path)).point)[0] if found.path == str(path)]
        holders = room._holders(view, files)
        assert {os.getpid(), child.pid} <= {holder.process.pid for holder in holders} or len(holders) == 1
        assert all(holder.log_like for holder in holders)
        child.communicate()


def test_a_path_in_its_configuration_belongs_to_a_service(view: View, tmp_path: Path) -> None:
    """A data directory that only the configuration names is found there; words that are no paths are not."""
    file = tmp_path / "shop.conf"
    file.write_text('data = /srv/till/data\nurl = "http://shop.example/x"\nlog = "/var/log/shop.log"; ratio = 1/2\n')
    service = Service(name="shop", config_files=(str(file),))
    found = set(places.paths(view, Unit(name="shop.service"), service))
    assert {"/srv/till/data", "/var/log/shop.log"} <= found
    assert not found & {"//shop.example/x", "/2", "/x"}


def test_who_lies_beyond_what_was_looked_into_is_not_nobody(view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with more descriptors than are looked into: the youngest processes come last, and a lock of theirs is a lock."""
    lock = tmp_path / "shop.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert view.open_files.lockers([str(lock)]) == {str(lock): os.getpid()}
        monkeypatch.setattr("orchestrator.host.open_files._DESCRIPTORS", 3)
        with pytest.raises(Unavailable):
            view.open_files.lockers([str(lock)])
        with pytest.raises(Unavailable):
            view.open_files.holding_locks([1, os.getpid()])
        assert not view.open_files.on(view.mounts.of_path(str(tmp_path)).point)[1]
