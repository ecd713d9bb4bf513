"""Mounts as the kernel lists them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Mounts, Unavailable, Usage
from orchestrator.host.helper import Helper
from orchestrator.host.mounts import parse


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    helper = Helper()
    opened = Mounts(helper)
    yield opened
    opened.close()
    helper.close()


def test_a_line_is_read() -> None:
    """Optional fields, octal spellings, options of the mount and of its file system."""
    mount = parse(r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root\0401 rw,errors=continue")
    assert (mount.source, mount.point, mount.fstype, mount.device, mount.root) == ("/dev/root 1", "/mnt 2", "ext3", "98:0", "/mnt1")
    assert mount.options == ("rw", "noatime", "errors=continue")
    assert not mount.may_hang


@pytest.mark.parametrize(
    ("options", "super_options", "read_only"),
    [("rw", "rw", False), ("ro", "rw", True), ("rw", "ro", True), ("rw", "rw,emergency_ro", True), ("rw", "rw,root=1", False)],
)
def test_read_only_hides_in_three_places(options: str, super_options: str, *, read_only: bool) -> None:
    """The mount's own option, the file system's, or ext4's word after an error."""
    assert parse(f"1 1 8:1 / / {options} - ext4 /dev/sda1 {super_options}").read_only is read_only


@pytest.mark.parametrize("fstype", ["nfs4", "cifs", "fuse.sshfs", "9p", "autofs", "never-heard-of"])
def test_who_asks_others_may_hang(fstype: str) -> None:
    """Whatever the kernel does not answer for by itself, and whatever is unknown."""
    assert parse(f"1 1 0:1 / /x rw - {fstype} x rw").may_hang


def test_a_path_lies_on_the_nearest_mount(mounts: Mounts) -> None:
    """By its spelling, whether there is such a file or not."""
    assert mounts.of_path("/").point == "/"
    assert mounts.of_path("/proc/self/nothing/../x").point == "/proc"
    assert mounts.of_path("/processes").point != "/proc"


def test_what_was_closed_stays_closed(mounts: Mounts) -> None:
    """A look that is late, when the daemon stops, opens nothing again that nobody would close."""
    mounts.list()
    mounts.close()
    with pytest.raises(Unavailable, match="closed"):
        mounts.list()


def test_usage_is_what_df_says(mounts: Mounts) -> None:
    """The same numbers as statvfs, used as df counts it."""
    found, usage = os.statvfs("/"), mounts.usage("/")
    assert usage.total == found.f_blocks * found.f_frsize
    assert usage.inodes == found.f_files
    assert 0 <= usage.used_percent <= 100


def test_percentages() -> None:
    """Used of what ordinary users may use; a file system without a number of inodes is never out of them."""
    assert Usage(total=100, used=72, available=18, inodes=0, inodes_used=0).used_percent == 80.0
    assert Usage(total=0, used=0, available=0, inodes=0, inodes_used=0).used_percent == 0.0
    assert Usage(total=1, used=1, available=1, inodes=200, inodes_used=50).inodes_percent == 25.0
    assert Usage(total=1, used=1, available=1, inodes=0, inodes_used=0).inodes_percent == 0.0


def test_no_such_place_is_said(mounts: Mounts) -> None:
    """A mount point that is not there cannot be asked."""
    with pytest.raises(Unavailable, match="/no/such/place: No such file"):
        mounts.usage("/no/such/place")


LOOK = "from orchestrator.host import View; view = View(); print([mount.read_only for mount in view.mounts.list() if mount.point == '{0}'])"


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount in a name space of its own")
@pytest.mark.parametrize(("invocation", "seen"), [("1", "[]"), ("", "[True]")])
def test_the_mounts_of_its_own_sandbox_are_nobody_elses(tmp_path: Path, invocation: str, seen: str) -> None:
    """What systemd makes read-only for a service alone is not read-only; without systemd there is no such sandbox."""
    script = f'mount --bind {tmp_path} {tmp_path} && mount -o remount,ro,bind {tmp_path} && exec "$0" -c "$1"'
    argv = ["unshare", "--mount", "sh", "-ec", script, sys.executable, LOOK.format(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "INVOCATION_ID"}
    environment |= {"INVOCATION_ID": invocation} if invocation else {}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == seen
