"""Many symptoms of one cause: one incident, one repair, all back, and one line for a person to read."""

import sys
from collections.abc import Iterator

import pytest

from tests.lab.host import DAEMON, Host
from tests.lab.watched import Watched

CROWD = 50
DECLARED = 6
"""So many of them the operator declared, with a probe each."""
KEPT = "/srv/shelf/catalogue"
MOUNT = """
[Mount]
What=/var/tmp/shelf.img
Where=/srv/shelf
Type=ext4
Options=loop
[Install]
WantedBy=multi-user.target
"""
DIES = f"exec 3<> <(:); while [[ -e {KEPT} ]]; do read -rt 0.5 -u 3; done; exit 3"
"""Without a process of its own for each look: fifty of them share the machine with other tests."""
STAYS = "exec 3<> <(:); while :; do read -rt 60 -u 3; done"
UNIT = """
[Unit]
RequiresMountsFor=/srv/shelf
[Service]
ExecStart=/bin/bash -c '{script}'
[Install]
WantedBy=multi-user.target
"""
BOX = '[[service]]\nname = "{name}"\nunit = "{name}.service"\nprobes = [{{ file = "{kept}" }}]\n'


@pytest.fixture
def watched(lab: Host) -> Iterator[Watched]:
    """A host whose own disk is a mount."""
    watched = Watched(lab)
    lab.unit("srv-shelf.mount", MOUNT)
    lab.ok("truncate -s 8M /var/tmp/shelf.img && mkfs.ext4 -q /var/tmp/shelf.img && systemctl enable --now srv-shelf.mount")
    lab.ok(f"echo 1 >{KEPT}")
    yield watched
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)


def _crowd(watched: Watched, script: str) -> list[str]:
    """Fifty services on the mount, up for long enough to be somebody's."""
    names = [f"box-{number:02}" for number in range(CROWD)]
    for name in names:
        watched.host.write(f"/etc/systemd/system/{name}.service", UNIT.format(script=script))
    for name in names[:DECLARED]:
        watched.declare(BOX.format(name=name, kept=KEPT))
    watched.host.ok(f"systemctl daemon-reload && systemctl enable --now {' '.join(names)}", timeout=120)
    watched.begin()
    watched.host.ok("sleep 5.5")  # what only flickers by was never a service
    return names


def _all_back(watched: Watched, names: list[str]) -> bool:
    states = watched.host.sh(f"systemctl is-active srv-shelf.mount {' '.join(names)}").out.split()
    return states == ["active"] * (CROWD + 1)


def _one_story(watched: Watched) -> None:
    """One incident of the mount, healed without a person; nothing else is listed."""
    row = watched.host.incident("srv-shelf.mount", "fixed", timeout=120)
    assert [(row["target"], row["status"]) for row in watched.incidents()] == [("srv-shelf.mount", "fixed")]
    assert watched.escalations() == []
    listed = watched.host.orchestrator("incidents").out.splitlines()
    assert [line.split()[0] for line in listed if "shelf" in line or "box-" in line] == [str(row["id"])]


def test_fifty_that_died_for_one_mount_are_one_incident(watched: Watched) -> None:
    """Its mount went away and fifty services died of that, one after the other: the mount is started, and all come back with it."""
    names = _crowd(watched, DIES)
    watched.host.ok("umount -l /srv/shelf")
    watched.host.wait_until(lambda: _all_back(watched, names), 120, "all fifty back")
    _one_story(watched)


def test_a_mount_that_went_away_below_fifty_is_all_that_is_mended(watched: Watched) -> None:
    """They run on without their files: the mount is started, and none of them is restarted."""
    names = _crowd(watched, STAYS)
    runs = watched.host.ok(f"systemctl show -P InvocationID {' '.join(names)}")
    watched.host.ok("umount -l /srv/shelf")
    _one_story(watched)
    assert _all_back(watched, names)
    assert watched.host.ok(f"systemctl show -P InvocationID {' '.join(names)}") == runs
    assert watched.changes() == ["start_unit srv-shelf.mount"]
