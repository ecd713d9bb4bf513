"""What is written down for a mount, told from text alone."""

from orchestrator.host.mount_options import _lines, _values

FSTAB = r"""
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1-2   /srv/data/    ext4 defaults,noatime 0 2
/dev/sdb1  /mnt/my\040disk xfs ro,noauto
/dev/sdc1  /old ext4
none
"""


def test_fstab_is_read() -> None:
    """Comments, spaces written in octal, a slash too many, and a line without options."""
    assert dict(_lines(FSTAB)) == {"/srv/data": "defaults,noatime", "/mnt/my disk": "ro,noauto", "/old": "defaults"}


def test_the_last_word_of_a_unit_counts() -> None:
    """A drop-in may say the same again."""
    assert list(_values("[Mount]\nWhat=/dev/x\nOptions=ro\n Options = rw,noatime\n")) == ["ro", "rw,noatime"]
