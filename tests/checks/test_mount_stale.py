"""Whose mount it is."""

from typing import cast

import pytest

from orchestrator.checks import all_checks
from orchestrator.checks.mount_stale import serves
from orchestrator.config import Config
from orchestrator.host import Mount, Unavailable, Unit, View
from orchestrator.model import Blind, Seen


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


class Host:
    """Mounts of a server that is gone, as far as somebody can be sent to ask; each is mounted by a unit of its own."""

    def __init__(self, count: int, helpers: int = 1000) -> None:
        self.points = [f"/srv/{n}" for n in range(count)]
        self.gone: set[str] = set()
        self.known: dict[str, str] = {}
        self.helpers = helpers
        self.time = 1000.0
        self.mounts = self.units = self

    def now(self) -> float:
        return self.time

    def list(self) -> tuple[Mount, ...]:
        return (Mount("/dev/x", "/", "ext4", ("rw",)), *(Mount(f"box:{point}", point, "nfs4", ("rw",)) for point in self.points))

    def dead(self) -> tuple[str, ...]:
        return tuple(self.known)

    def standing(self, point: str) -> str:
        if point in self.gone and point not in self.known:
            if not self.helpers:
                raise Unavailable("16 helpers hang already")
            self.helpers -= 1
            self.known[point] = "hangs"
        return self.known.get(point, "")

    def get(self, name: str) -> Unit:
        return Unit(name=name, fragment_path=f"/etc/{name}")

    def look(self) -> Seen:
        self.time += 10
        return all_checks()["mount_stale"].ask(cast(View, self), Config())


def test_more_mounts_that_hang_than_can_be_asked_at_once_blind_nobody() -> None:
    """Those that were asked hang; of the others nobody knows."""
    host = Host(30, helpers=16)
    host.gone = set(host.points)
    for _ in range(2):
        seen = host.look()
        assert isinstance(seen, Blind)
        assert len(seen.seen) == 16


def test_where_nobody_can_be_asked_nothing_is_known() -> None:
    """Law 1."""
    host = Host(1, helpers=0)
    host.gone = set(host.points)
    assert host.look() == Blind(reason="16 helpers hang already", unseen=frozenset(host.points))


def test_of_very_many_mounts_each_has_its_turn() -> None:
    """The last of a thousand is found too, and then seen at every look."""
    host = Host(1000)
    host.gone = {host.points[-1]}
    looks = [host.look() for _ in range(12)]
    found = [bool(seen) for seen in looks]
    assert any(found)
    assert all(found[found.index(True) :])
