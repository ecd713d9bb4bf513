"""The package manager: at work or not, and what it left half done."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Files, Mounts, OpenFiles, Packages
from orchestrator.host import packages as module
from orchestrator.host.helper import Helper
from orchestrator.host.packages import half_done

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
STATUS = """Package: fine
Status: install ok installed

Package: torn
Status: install ok half-configured
Description: x
 Status: install ok half-installed

Package: opened
Status: install ok unpacked

Package: gone
Status: deinstall ok config-files
"""


@pytest.fixture
def packages() -> Iterator[Packages]:
    helper = Helper()
    mounts = Mounts(helper)
    yield Packages(Files(mounts, OpenFiles(mounts)))
    mounts.close()
    helper.close()


def test_states_in_between_are_found() -> None:
    """Half installed, unpacked and half configured; not what is well, removed, or only looks like a field."""
    assert half_done(STATUS) == ("torn", "opened")


def test_only_a_lock_is_work(packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock file is always there; busy is who holds a lock on it, with pid and name."""
    lock = tmp_path / "lock"
    lock.touch()
    monkeypatch.setattr(module, "_LOCKS", {str(tmp_path / "none"): "rpm", str(lock): "dpkg"})
    assert packages.busy() == ""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert packages.busy().startswith(f"dpkg: pid {holder.pid} (python")
        assert packages.busy().endswith(f"holds {lock}")
        holder.communicate(b"\n")
    assert packages.busy() == ""


def test_the_status_is_read_when_it_changed(packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repaired package is seen, and no dpkg is nothing half done."""
    status = tmp_path / "status"
    monkeypatch.setattr(module, "_STATUS", str(status))
    assert packages.half_configured() == ()
    status.write_text(STATUS)
    assert packages.half_configured() == ("torn", "opened")
    status.write_text(STATUS.replace("half-configured", "installed"))
    assert packages.half_configured() == ("opened",)


def test_whose_files_a_half_done_package_has(packages: Packages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By dpkg's own lists, of one architecture or several, and whichever way /usr is written; a package that is done has none."""
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "torn:amd64.list").write_text("/.\n/usr/lib/systemd/system/torn.service\n")
    (tmp_path / "torn-more.list").write_text("/usr/sbin/more\n")
    (tmp_path / "fine.list").write_text("/usr/sbin/fined\n")
    (tmp_path / "opened.list").write_text("/usr/sbin/opened\n")
    monkeypatch.setattr(module, "_STATUS", str(tmp_path / "status"))
    monkeypatch.setattr(module, "_INFO", str(tmp_path))
    assert packages.half_done_of(["/etc/x", "/lib/systemd/system/torn.service"]) == "torn"
    assert packages.half_done_of(["/usr/sbin/opened"]) == "opened"
    assert packages.half_done_of(["/usr/sbin/fined", "/usr/sbin/more", ""]) == ""
