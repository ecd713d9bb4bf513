"""The kernel's log: what it means, whose it is, and that nobody can forge it."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.host import KernelLog, Unavailable
from orchestrator.host.kernel_log import block_names, parse

Log = Callable[..., KernelLog]


def _record(text: str, *, priority: int = 3, facility: int = 0, age: float = 0.0) -> bytes:
    return f"{facility << 3 | priority},7,{int((time.monotonic() - age) * 1e6)},-;{text}\n SUBSYSTEM=block\n".encode()


@pytest.fixture
def log() -> Iterator[Callable[..., KernelLog]]:
    """A log of given records: each read(2) gives one, as /dev/kmsg does."""
    opened: list[KernelLog] = []

    def made(*records: bytes) -> KernelLog:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for record in records:
            theirs.send(record)
        mine.setblocking(False)  # noqa: FBT003  # a name it does not take
        opened.append(KernelLog(mine.detach))
        opened[-1].more = theirs.send  # type: ignore[attr-defined]
        kept.append(theirs)
        return opened[-1]

    kept: list[object] = []
    yield made
    for one in opened:
        one.close()
    for peer in kept:
        peer.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "reason", "device"),
    [
        ("I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", "IoError", "sda"),
        ("blk_update_request: I/O error, dev nvme0n1, sector 99 op 0x1:(WRITE)", "IoError", "nvme0n1"),
        ("critical medium error, dev sdb, sector 4 op 0x0:(READ) flags 0x0", "IoError", "sdb"),
        ("Buffer I/O error on dev dm-0, logical block 7, lost async page write", "IoError", "dm-0"),
        ("EXT4-fs error (device sda2): ext4_lookup:1855: inode #2: comm ls: deleted inode referenced: 12", "FileSystemError", "sda2"),
        ("EXT4-fs (sda2): Remounting filesystem read-only", "RemountedReadOnly", "sda2"),
        ("Aborting journal on device sda2-8.", "FileSystemError", "sda2"),
        ("XFS (dm-3): Metadata corruption detected at xfs_buf_ioend+0x5c, xfs_inode block 0x40", "FileSystemError", "dm-3"),
        ("XFS (sdc1): log I/O error -5", "IoError", "sdc1"),
        ("BTRFS critical (device sdd): corrupt leaf: root=5 block=30408704", "FileSystemError", "sdd"),
        ("BTRFS error (device sdd): bdev /dev/sdd errs: wr 1, rd 0, flush 0, corrupt 0, gen 0", "IoError", "sdd"),
        ("md/raid1:md0: Disk failure on sdb1, disabling device.", "IoError", "md0"),
    ],
)
def test_errors_of_devices_are_told_with_their_device(line: str, reason: str, device: str) -> None:
    """Each says whether the device or the file system is at fault, and both are a danger for data."""
    event = parse(_record(line))
    assert event
    assert (event.kind.reason, event.names["device"], event.kind.danger) == (reason, device, True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("INFO: task backup:4242 blocked for more than 120 seconds.", "HungTask"),
        ("watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [kworker/1:0:17]", "CpuLockup"),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", "ConnectionTableFull"),
        ("mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: be00000000800400", "HardwareError"),
        ("CPU0: Core temperature is above threshold, cpu clock is throttled (total events = 1)", "TooHot"),
        ("Memory cgroup out of memory: Killed process 77 (mill) total-vm:9kB", "OutOfMemory"),
        ("till[91]: segfault at 0 ip 0000 sp 0000 error 4 in till[400000+1000]", "Crashed"),
    ],
)
def test_other_trouble_has_a_name(line: str, reason: str) -> None:
    """Tasks, tables, heat and memory."""
    event = parse(_record(line))
    assert event
    assert event.kind.reason == reason


@pytest.mark.parametrize(
    "line",
    [
        "EXT4-fs (sda2): mounted filesystem with ordered data mode. Quota mode: none.",
        "EXT4-fs (sda2): re-mounted. Opts: errors=remount-ro",
        "sd 0:0:0:0: [sda] Write Protect is off",
        "usb 1-1: Product: EXT4-fs error (device sda2)",
        "IN=eth0 OUT= SRC=10.0.0.9 DST=10.0.0.1 I/O error, dev sda, sector 1",
        "mce: [Hardware Error]: Machine check events logged",
        "audit: type=1400 msg='I/O error, dev sda, sector 1'",
        "operation not supported error, dev loop0, sector 8 op 0x3:(DISCARD)",
    ],
)
def test_ordinary_and_borrowed_words_mean_nothing(line: str) -> None:
    """A line counts from its beginning: what a device or a packet brings along stands further back."""
    assert parse(_record(line)) is None


def test_what_a_program_writes_there_is_not_the_kernels() -> None:
    """Root may write to /dev/kmsg: its line never has the kernel's facility, and speaks against no repair."""
    event = parse(_record("EXT4-fs error (device sda2): forged", facility=1))
    assert event
    assert (event.kind.danger, event.written, event.danger) == (True, True, False)
    assert parse(b"no record at all") is None


def test_lines_are_kept_for_an_hour(log: Log) -> None:
    """What is older is past; what comes later is seen at the next question, and said once."""
    old, young = _record("I/O error, dev sda, sector 1", age=4000), _record("I/O error, dev sdb, sector 1", age=900)
    kernel = log(old, young)
    assert [event.names["device"] for event in kernel.events()] == ["sdb"]
    kernel.more(_record("EXT4-fs error (device sdc): x"))  # type: ignore[attr-defined]
    assert [event.names["device"] for event in kernel.events()] == ["sdb", "sdc"]
    assert [event.names["device"] for event in kernel.events(60)] == ["sdc"]


def test_a_program_that_crashes_again_and_again_hides_no_damaged_disk(log: Log) -> None:
    """Each crash is a line of the kernel's: hundreds in a minute, and the hour's one word of the disk stays."""
    disk = _record("EXT4-fs error (device sda1): ext4_lookup:1855: inode #2: comm ls: deleted inode referenced: 12", age=60)
    made = log(disk)
    for _ in range(12):
        for n in range(50):
            made.more(_record(f"till[{n}]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so[7f+1]"))  # type: ignore[attr-defined]
        told = made.events()
    assert [event.names["device"] for event in told if event.danger] == ["sda1"]
    assert 200 < len(told) <= 500
    assert [event.at for event in told] == sorted(event.at for event in told)


def test_a_log_that_may_not_be_read_is_blindness() -> None:
    """An unprivileged process sees nothing of the kernel, and says so."""

    def refused() -> int:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(Unavailable, match="not permitted"):
        KernelLog(refused).events()


def test_a_disk_is_called_by_its_own_name() -> None:
    """What sysfs says of the root's device, where it has one; a tmpfs has none."""
    assert block_names("0:1") == frozenset()
    for device in Path("/sys/dev/block").iterdir():
        assert os.path.basename(os.path.realpath(device)) in block_names(device.name)  # noqa: PTH119
