"""What sudo writes down of mounts."""

import pytest

from orchestrator.host.by_hand import called

REFUSED = "ann : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/umount /srv/x"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("     ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/umount -l /srv/x/", "ann: umount -l /srv/x/"),
        ("bob : PWD=/ ; USER=root ; COMMAND=/bin/mount -o remount,ro /srv/x", "bob: mount -o remount,ro /srv/x"),
        ("ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/umount /srv/xy", ""),
        ("ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/ls /srv/x", ""),
        (REFUSED, ""),
        ("somebody wrote: ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/umount /srv/x", ""),
        ("ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=", ""),
    ],
)
def test_only_what_was_done_to_this_point_counts(message: str, told: str) -> None:
    """A refused call, another point and another program tell nothing."""
    assert called(message, "/srv/x") == told
