"""Whose mount it is."""

import pytest

from orchestrator.checks.mount_stale import serves
from orchestrator.host import Mount, Unit


@pytest.mark.parametrize(
    ("source", "fstype", "argv", "is_it"),
    [
        ("/srv/real", "fuse", ("/usr/bin/bindfs", "-f", "/srv/real", "/srv/view/"), True),
        ("box:/data", "fuse.sshfs", ("/usr/bin/sshfs", "-f", "box:/data", "/srv/view"), True),
        ("store", "fuse.s3fs", ("/usr/bin/s3fs", "bucket", "/srv/view", "-f"), True),
        ("/srv/real", "fuse", ("/bin/sh", "-c", "exec bindfs -f /srv/real /srv/view"), True),
        ("/srv/real", "fuse", ("/usr/bin/reader", "--data", "/srv/view"), False),
        ("/srv/real", "fuse", ("/usr/bin/bindfs", "-f", "/srv/real", "/srv/other"), False),
        ("box:/data", "fuse.sshfs", ("/usr/bin/rsync", "-a", "/srv/view", "/backup"), False),
    ],
)
def test_who_serves_is_told_from_who_uses(source: str, fstype: str, argv: tuple[str, ...], *, is_it: bool) -> None:
    """Both may name the point; only the one that makes the mount also names what is mounted there."""
    assert serves(Unit(name="x.service", exec_start=(argv,)), Mount(source, "/srv/view", fstype, ("rw",))) is is_it
