"""Files as they are, and who has locked them."""

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Files, Mounts, OpenFiles, Unavailable
from orchestrator.host.helper import Helper

HOLD = "import fcntl, sys; f = open(sys.argv[2], 'r+'); getattr(fcntl, sys.argv[1])(f, fcntl.LOCK_EX); print(flush=True); input()"


@pytest.fixture
def files() -> Iterator[Files]:
    helper = Helper()
    mounts = Mounts(helper)
    yield Files(mounts, OpenFiles(mounts))
    mounts.close()
    helper.close()


def test_a_file_is_described(files: Files, tmp_path: Path) -> None:
    """Kind, owner, mode, size and times."""
    path = tmp_path / "x"
    path.write_text("hello")
    path.chmod(0o640)
    state = files.look(str(path))
    assert state is not None
    assert (state.kind, state.uid, state.gid, state.mode, state.size) == ("file", os.geteuid(), path.stat().st_gid, 0o640, 5)
    assert (state.inode, state.device, state.link_target) == (path.stat().st_ino, path.stat().st_dev, "")
    assert state.mtime == pytest.approx(time.time(), abs=10)


def test_every_kind_is_told(files: Files, tmp_path: Path) -> None:
    """Directories, links, sockets, fifos and the rest; a link is a link unless it is followed."""
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "to-dir").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    kinds = {name: files.look(str(tmp_path / name)) for name in ("link", "fifo", "socket", ".")}
    assert {name: state.kind for name, state in kinds.items() if state} == {"link": "link", "fifo": "fifo", "socket": "socket", ".": "dir"}
    assert kinds["link"] is not None
    assert kinds["link"].link_target == "nowhere"
    followed = files.look(str(tmp_path / "to-dir"), follow=True)
    assert followed is not None
    assert followed.kind == "dir"
    assert getattr(files.look("/dev/null"), "kind", "") == "other"


def test_absence_is_an_answer(files: Files, tmp_path: Path) -> None:
    """No file, or a path through something that is no directory."""
    (tmp_path / "x").touch()
    for path in (tmp_path / "nothing", tmp_path / "x" / "below"):
        assert files.look(str(path)) is None
        assert files.digest(str(path)) == ""
        assert files.entries(str(path)) == ()


def test_content_is_read_to_the_cap(files: Files, tmp_path: Path) -> None:
    """No more than was asked for; the digest is of all of it."""
    (tmp_path / "x").write_bytes(b"0123456789" * 300_000)
    assert files.read(str(tmp_path / "x"), cap=15) == b"012345678901234"
    assert files.digest(str(tmp_path / "x")) == hashlib.sha256(b"0123456789" * 300_000).hexdigest()


def test_only_files_are_read(files: Files, tmp_path: Path) -> None:
    """A fifo that nobody writes to and a device without end are refused, at once."""
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/zero", str(tmp_path)):
        with pytest.raises(Unavailable, match=path):
            files.read(path)


def test_a_directory_is_listed_to_the_cap(files: Files, tmp_path: Path) -> None:
    """Sorted names, and not a million of them."""
    for name in "cab":
        (tmp_path / name).touch()
    assert files.entries(str(tmp_path)) == ("a", "b", "c")
    assert len(files.entries(str(tmp_path), cap=2)) == 2


def test_a_strange_path_is_no_traceback(files: Files) -> None:
    """A path with a null, or too long for any file system, cannot be asked about."""
    for path in ("/a\0b", "/" + "x" * 5000):
        with pytest.raises(Unavailable):
            files.look(path)


@pytest.mark.parametrize("way", ["lockf", "flock"])
def test_a_real_lock_has_a_holder(files: Files, tmp_path: Path, way: str) -> None:
    """fcntl and flock locks name their process while it holds them; the file alone is no lock."""
    path = tmp_path / "lock"
    path.touch()
    assert files.lock_holder(str(path)) is None
    with subprocess.Popen([sys.executable, "-c", HOLD, way, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert files.lock_holder(str(path)) == holder.pid
        holder.communicate(b"\n")
    assert files.lock_holder(str(path)) is None
    assert files.lock_holder(str(tmp_path / "nothing")) is None


def test_the_lock_of_another_file_with_the_same_number_is_no_lock(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An overlay shows the kernel's list one device and one number for a file of each of its layers."""
    path, listed = tmp_path / "lock", tmp_path / "locks"
    path.touch()
    state = path.stat()
    place = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    listed.write_text(f"1: FLOCK  ADVISORY  WRITE {os.getpid()} {place} 0 EOF\n")
    monkeypatch.setattr("orchestrator.host.files._LOCKS", listed)
    assert files.lock_holder(str(path)) is None


def test_an_inherited_lock_has_a_holder(files: Files, tmp_path: Path) -> None:
    """flock(1) locks for the shell that calls it and ends: the shell holds the lock, and the kernel's list names the dead."""
    path = tmp_path / "lock"
    script = 'exec 9>"$1"; flock 9; echo; read -r _; : done'
    with subprocess.Popen(["/bin/sh", "-c", script, "sh", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert files.lock_holder(str(path)) == holder.pid
        holder.communicate(b"\n")
    assert files.lock_holder(str(path)) is None


def test_asking_takes_no_lock(files: Files, tmp_path: Path) -> None:
    """Whoever wants the lock gets it while it is being asked after."""
    path = tmp_path / "lock"
    with path.open("w") as file:
        assert files.lock_holder(str(path)) is None
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
