"""The changing door's parts that need no systemd: what they do to real files and processes, and what they refuse."""

import hashlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.host import ChangeFailed
from orchestrator.host.kernel import Kernel
from orchestrator.host.machine.beneath import held
from orchestrator.host.machine.files import FileChanges
from orchestrator.host.machine.processes import ProcessChanges
from orchestrator.host.machine.quarantine import Quarantine
from orchestrator.host.processes import Processes

US = {"uid": os.geteuid(), "gid": os.getegid()}
DAY = 86_400


@pytest.fixture
def files() -> FileChanges:
    return FileChanges()


@pytest.fixture
def quarantine(tmp_path: Path, files: FileChanges) -> Quarantine:
    return Quarantine(tmp_path / "state" / "quarantine", files)


def old(path: Path, age: float = 2 * DAY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 5000)
    os.utime(path, (time.time() - age,) * 2)
    return path


# ---- writing ----


def test_a_file_is_replaced_whole(tmp_path: Path, files: FileChanges) -> None:
    """The new content, owner and mode are there, and nothing else is left in the directory."""
    path = tmp_path / "shop.conf"
    path.write_text("broken")
    files.write(str(path), b"good", **US, mode=0o640)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("good", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_access_lists_survive_a_replacement(tmp_path: Path, files: FileChanges) -> None:
    """Extended attributes of the old file are on the new one: a service may need them to read it."""
    path = tmp_path / "shop.conf"
    path.write_text("broken")
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    files.write(str(path), b"good", **US, mode=0o600)
    assert os.getxattr(path, "user.note") == b"kept"


def test_no_privilege_is_inherited_nor_written(tmp_path: Path, files: FileChanges) -> None:
    """What the old file might do, the new content may not; and no content is written with a set-user or set-group bit."""
    path = tmp_path / "shop.conf"
    path.write_text("broken")
    try:
        os.setxattr(path, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))  # cap_net_raw
    except OSError:
        pytest.skip("no file capabilities here")
    files.write(str(path), b"good", **US, mode=0o755)
    assert "security.capability" not in os.listxattr(path)
    for mode in (0o4755, 0o2755):
        with pytest.raises(ChangeFailed, match="set-user or set-group"):
            files.write(str(path), b"mine", **US, mode=mode)
    assert path.read_text() == "good"


def test_a_link_is_replaced_not_followed(tmp_path: Path, files: FileChanges) -> None:
    """Writing to a path that became a link leaves the link's target alone."""
    target, path = tmp_path / "shadow", tmp_path / "shop.conf"
    target.write_text("secret")
    path.symlink_to(target)
    files.write(str(path), b"good", **US, mode=0o600)
    assert (target.read_text(), path.read_text(), path.is_symlink()) == ("secret", "good", False)


def test_a_failed_write_changes_nothing(tmp_path: Path, files: FileChanges) -> None:
    """Where the new file cannot take the old one's place, the old one stays and nothing is left beside it."""
    path = tmp_path / "shop.conf"
    path.mkdir()
    with pytest.raises(ChangeFailed, match=r"shop\.conf"):
        files.write(str(path), b"good", **US, mode=0o600)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("how", ["write", "own", "remove_old", "link", "make_directory"])
def test_no_link_on_the_way_is_followed(tmp_path: Path, files: FileChanges, how: str) -> None:
    """A directory of the path that is a link ends the attempt, whatever is to be done beneath it."""
    real = tmp_path / "real"
    victim = old(real / "victim")
    (tmp_path / "link").symlink_to(real)
    through = str(tmp_path / "link" / "victim")
    attempts: dict[str, Callable[[], object]] = {
        "write": lambda: files.write(through, b"!", **US, mode=0o777),
        "own": lambda: files.own(through, **US, mode=0o777),
        "remove_old": lambda: files.remove_old(str(tmp_path / "link"), pattern="*", older_than=0),
        "link": lambda: files.link(through, "/etc/passwd"),
        "make_directory": lambda: files.make_directory(through + "2", **US, mode=0o777),
    }
    before = victim.lstat()
    with pytest.raises(ChangeFailed, match="links are not followed"):
        attempts[how]()
    assert victim.lstat() == before
    assert [entry.name for entry in real.iterdir()] == ["victim"]


@pytest.mark.parametrize("path", ["/", "//", "/etc/..", "/etc/../etc/passwd", "/tmp/.", "/tmp/"])
def test_a_path_that_names_no_file_is_refused(files: FileChanges, path: str) -> None:
    """Neither the root nor a path that climbs can be written to."""
    with pytest.raises(ChangeFailed):
        files.write(path, b"!", **US, mode=0o600)


def test_the_standard_link_run_is_no_obstacle(files: FileChanges) -> None:
    """`/var/run` is a link on every distribution, and pid files are declared beneath it."""
    if not Path("/var/run").is_symlink():
        pytest.skip("here /var/run is a directory")
    files.make_directory("/var/run/orchestrator-test", **US, mode=0o700)
    try:
        assert Path("/run/orchestrator-test").is_dir()
    finally:
        files.remove_directory("/var/run/orchestrator-test")


# ---- owner and mode ----


def test_owner_and_mode_are_set_on_one_file(tmp_path: Path, files: FileChanges) -> None:
    """Set-group bits included, for a directory too, and nothing beneath it changes."""
    directory = tmp_path / "log"
    inner = old(directory / "x.log")
    inner.chmod(0o644)
    files.own(str(directory), **US, mode=0o2750)
    assert (stat.S_IMODE(directory.stat().st_mode), stat.S_IMODE(inner.stat().st_mode)) == (0o2750, 0o644)


def test_owner_and_mode_of_a_link_or_a_hard_link_are_refused(tmp_path: Path, files: FileChanges) -> None:
    """Who may write in the directory could have linked any file of the host there."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    (tmp_path / "soft").symlink_to(secret)
    (tmp_path / "hard").hardlink_to(secret)
    for name in ("soft", "hard"):
        with pytest.raises(ChangeFailed):
            files.own(str(tmp_path / name), **US, mode=0o666)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_file_is_given_no_privilege(tmp_path: Path, files: FileChanges) -> None:
    """Neither by a new bit nor by a new owner under an old one: who may write in the directory chose the file. One that has it keeps it."""
    program = tmp_path / "program"
    program.write_text("x")
    with pytest.raises(ChangeFailed, match="set-user or set-group"):
        files.own(str(program), **US, mode=0o4755)
    program.chmod(0o4711)
    with pytest.raises(ChangeFailed, match="set-user or set-group"):
        files.own(str(program), uid=1, gid=1, mode=0o4711)
    files.own(str(program), **US, mode=0o4755)
    assert stat.S_IMODE(program.stat().st_mode) == 0o4755


def test_the_directory_that_was_judged_is_the_one_that_is_changed(tmp_path: Path, files: FileChanges) -> None:
    """While it is held, another in its place is refused, whatever is asked; afterwards it is a directory like others."""
    place, path = tmp_path / "web", tmp_path / "web" / "shop.conf"
    place.mkdir()
    changes: tuple[Callable[[], object], ...] = (
        lambda: files.write(str(path), b"good", **US, mode=0o600),
        lambda: files.link(str(path), "/etc/passwd"),
        lambda: files.make_directory(str(path), **US, mode=0o755),
    )
    with held([str(path), "/nonexistent/x", "shop.service"]):
        place.rename(tmp_path / "judged")
        place.mkdir()
        for change in changes:
            with pytest.raises(ChangeFailed, match="another directory by now"):
                change()
    assert list(place.iterdir()) == []
    changes[0]()
    assert path.read_text() == "good"


# ---- removing ----


def test_only_old_files_that_fit_go(tmp_path: Path, files: FileChanges) -> None:
    """By name and age, in directories beneath too; younger ones, others, links and directories stay."""
    gone = [old(tmp_path / "a.tmp"), old(tmp_path / "deep" / "b.tmp")]
    kept = [old(tmp_path / "young.tmp", age=60), old(tmp_path / "a.db"), old(tmp_path / "deep" / "c.tmp.keep")]
    (tmp_path / "link.tmp").symlink_to("/etc/passwd")
    (tmp_path / "dir.tmp").mkdir()
    removed = files.remove_old(str(tmp_path), pattern="*.tmp", older_than=DAY)
    assert (removed.count, removed.in_use) == (2, 0)
    assert removed.size >= 2 * 5000
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in [*kept, tmp_path / "link.tmp", tmp_path / "dir.tmp"])


def test_a_root_that_is_a_link_is_refused(tmp_path: Path, files: FileChanges) -> None:
    """A declared place that somebody replaced by a link to elsewhere is not cleaned."""
    victim = old(tmp_path / "etc" / "hosts")
    (tmp_path / "cache").symlink_to(tmp_path / "etc")
    with pytest.raises(ChangeFailed, match="links are not followed"):
        files.remove_old(str(tmp_path / "cache"), pattern="*", older_than=0)
    assert victim.exists()


def test_a_file_in_use_stays(tmp_path: Path, files: FileChanges) -> None:
    """Removing a file that a process holds open would free nothing, and the process would write into the void."""
    path = old(tmp_path / "queue.tmp")
    with path.open():
        removed = files.remove_old(str(tmp_path), pattern="*.tmp", older_than=DAY)
    assert (removed.count, removed.in_use, path.exists()) == (0, 1, True)
    assert files.remove_old(str(tmp_path), pattern="*.tmp", older_than=DAY).count == 1


def test_a_mount_beneath_is_not_entered(tmp_path: Path, files: FileChanges) -> None:
    """What is mounted inside a declared place belongs to somebody else, even where the device number is the same."""
    bound = old(tmp_path / "bind" / "x.tmp")
    other = old(tmp_path / "x.tmp")
    removed = files.remove_old(str(tmp_path), pattern="*.tmp", older_than=DAY, mounts={str(tmp_path / "bind")})
    assert (removed.count, bound.exists(), other.exists()) == (1, True, False)


@pytest.mark.skipif(os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev, reason="/dev/shm is no file system of its own here")  # noqa: PTH116
def test_a_quarantined_file_stays_on_its_file_system(tmp_path: Path, quarantine: Quarantine) -> None:
    """A pid file on the tmpfs of /run cannot be moved to the disk: it is hidden beside itself, and comes back from there."""
    del tmp_path
    path = Path("/dev/shm") / f"orchestrator-test-{os.getpid()}.pid"
    path.write_text("4711")
    state = path.lstat()
    try:
        quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
        assert not path.exists()
        assert quarantine.bring_back(str(path), inode=state.st_ino) == f"{path} is back"
        assert (path.read_text(), path.lstat().st_ino) == ("4711", state.st_ino)
        assert not list(path.parent.glob(f".{path.name}*"))
    finally:
        path.unlink(missing_ok=True)


# ---- the quarantine ----


def test_a_quarantined_file_comes_back_as_it_was(tmp_path: Path, quarantine: Quarantine) -> None:
    """Content, inode and mode; a second bringing back finds it where it belongs."""
    path = tmp_path / "shop.pid"
    path.write_text("4711")
    path.chmod(0o640)
    before = path.lstat()
    quarantine.take(str(path), inode=before.st_ino, device=before.st_dev)
    assert list(tmp_path.glob("*.pid")) == []
    quarantine.bring_back(str(path), inode=before.st_ino)
    after = path.lstat()
    assert (after.st_ino, after.st_mode, path.read_text()) == (before.st_ino, before.st_mode, "4711")
    assert "never left" in quarantine.bring_back(str(path), inode=before.st_ino)


def test_a_socket_can_be_quarantined(tmp_path: Path, quarantine: Quarantine) -> None:
    """A socket file moves and comes back like any other file."""
    path = tmp_path / "shop.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        state = path.lstat()
        quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
        assert not path.exists()
        quarantine.bring_back(str(path), inode=state.st_ino)
        assert stat.S_ISSOCK(path.lstat().st_mode)


def test_what_came_since_is_not_overwritten(tmp_path: Path, quarantine: Quarantine) -> None:
    """The service wrote a new pid file: bringing the old one back leaves the new one alone."""
    path = tmp_path / "shop.pid"
    path.write_text("old")
    state = path.lstat()
    quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
    path.write_text("new")
    assert "that one stays" in quarantine.bring_back(str(path), inode=state.st_ino)
    assert path.read_text() == "new"


def test_another_file_than_the_one_seen_is_not_taken(tmp_path: Path, quarantine: Quarantine) -> None:
    """A file that was replaced since it was proved stale, by a link or another file, stays where it is."""
    path = tmp_path / "shop.pid"
    path.write_text("4711")
    seen = path.lstat()
    (tmp_path / "next").write_text("0815")
    (tmp_path / "next").rename(path)
    with pytest.raises(ChangeFailed, match="not the same file"):
        quarantine.take(str(path), inode=seen.st_ino, device=seen.st_dev)
    path.unlink()
    path.symlink_to("/etc/passwd")
    link = path.lstat()
    with pytest.raises(ChangeFailed, match="a link"):
        quarantine.take(str(path), inode=link.st_ino, device=link.st_dev)
    assert path.is_symlink()


def test_a_directory_goes_only_while_it_holds_no_more_than_one_file(tmp_path: Path, quarantine: Quarantine) -> None:
    """A lock directory moves as a whole; what has more in it is somebody's data, and what was made since stays."""
    path = tmp_path / "shop.lock"
    path.mkdir()
    (path / "pid").write_text("4711")
    (path / "data").write_text("x")
    state = path.lstat()
    with pytest.raises(ChangeFailed, match="more than one file"):
        quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
    (path / "data").unlink()
    quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
    assert not path.exists()
    path.mkdir()
    assert "that one stays" in quarantine.bring_back(str(path), inode=state.st_ino)
    path.rmdir()
    assert quarantine.bring_back(str(path), inode=state.st_ino) == f"{path} is back"
    assert (path / "pid").read_text() == "4711"


def test_what_lay_there_for_too_long_goes(tmp_path: Path, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and directories alike, after the days that they are kept; what was kept of contents has its own days."""
    for name in ("shop.lock", "till.lock"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pid").touch()
    (tmp_path / "shop.pid").touch()
    for name in ("shop.lock", "shop.pid"):
        state = (tmp_path / name).lstat()
        quarantine.take(str(tmp_path / name), inode=state.st_ino, device=state.st_dev)
    monkeypatch.setattr("orchestrator.host.machine.quarantine.KEPT_DAYS", -1)
    state = (tmp_path / "till.lock").lstat()
    quarantine.take(str(tmp_path / "till.lock"), inode=state.st_ino, device=state.st_dev)
    assert [path.name.partition(".")[2] for path in (tmp_path / "state" / "quarantine").iterdir()] == ["till.lock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_quarantine_of_somebody_elses_is_not_used(tmp_path: Path, quarantine: Quarantine) -> None:
    """Who could put something in could have it brought back to any place; one that others may read is closed."""
    path = tmp_path / "shop.pid"
    path.write_text("4711")
    state, place = path.lstat(), tmp_path / "state" / "quarantine"
    place.mkdir(parents=True)
    os.chown(place, 1, 1)
    with pytest.raises(ChangeFailed, match="belongs to another user"):
        quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
    assert path.exists()
    os.chown(place, 0, 0)
    place.chmod(0o777)
    quarantine.take(str(path), inode=state.st_ino, device=state.st_dev)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_kept_content_is_private_and_checked(tmp_path: Path, quarantine: Quarantine) -> None:
    """Only the content that was meant is kept; it lies there 0600 in a 0700 directory, and damage is noticed."""
    path = tmp_path / "shop.conf"
    path.write_text("password=x")
    digest = hashlib.sha256(b"password=x").hexdigest()
    with pytest.raises(ChangeFailed, match="changed meanwhile"):
        quarantine.keep(str(path), "0" * 64)
    quarantine.keep(str(path), digest)
    kept = tmp_path / "state" / "quarantine" / "kept" / digest
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(kept.parent.stat().st_mode) & 0o777) == (0o600, 0o700)
    assert quarantine.kept(digest) == b"password=x"
    kept.write_text("password=y")
    with pytest.raises(ChangeFailed, match="damaged"):
        quarantine.kept(digest)
    with pytest.raises(ChangeFailed, match="no digest"):
        quarantine.kept("../../../etc/shadow")


# ---- processes ----


@pytest.fixture
def processes() -> ProcessChanges:
    return ProcessChanges(Processes(Kernel()))


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ignores SIGTERM, and says when it does."""
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('.', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as started:
        assert started.stdout
        started.stdout.read(1)
        yield started
        started.kill()


def started_at(pid: int) -> float:
    process = Processes(Kernel()).get(pid)
    assert process
    return process.started_at


def test_a_process_is_asked_then_killed(processes: ProcessChanges, child: subprocess.Popen[bytes]) -> None:
    """One that ignores SIGTERM is killed after the grace."""
    assert processes.end([(child.pid, started_at(child.pid))], grace=0.2) == 1
    assert child.wait(5) == -signal.SIGKILL


def test_a_process_that_listens_to_reason_is_not_killed(processes: ProcessChanges) -> None:
    """SIGTERM is enough where it is heard, and nobody waits for the whole grace."""
    with subprocess.Popen(["sleep", "60"]) as child:
        began = time.monotonic()
        assert processes.end([(child.pid, started_at(child.pid))], grace=5) == 1
        assert child.wait(5) == -signal.SIGTERM
    assert time.monotonic() - began < 3


def test_a_stranger_with_the_same_pid_lives(processes: ProcessChanges, child: subprocess.Popen[bytes]) -> None:
    """A pid that was given again is not signalled, nor is one that is gone an error."""
    assert processes.end([(child.pid, started_at(child.pid) - 10)]) == 0
    assert child.poll() is None
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert processes.end([(gone.pid, time.time())]) == 0


@pytest.mark.parametrize("pid", [0, 1, -1, os.getpid(), os.getppid()], ids=["group", "first", "all", "own", "parent"])
def test_the_first_process_and_our_own_are_never_ended(processes: ProcessChanges, pid: int) -> None:
    """Nor a process group, which a pid below one would mean."""
    with pytest.raises(ChangeFailed, match="not to be ended"):
        processes.end([(pid, 0.0)])
