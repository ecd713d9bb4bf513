"""What needs what, and how far that is followed."""

import subprocess

import pytest

from orchestrator.host import Unit
from orchestrator.host.graph import WALK_LIMIT, direct_dependants, direct_needs, is_basic, mount_unit, mount_units, walk


def test_needs_are_the_hard_ones() -> None:
    """Requires, Requisite, BindsTo, mounts, and the socket that is its door: but no wish, timer or itself."""
    unit = Unit(
        name="web.service", requires=("db.service", "web.service"), requisite=("net.service",), binds_to=("disk.mount",),
        wants=("cache.service",), triggered_by=("web.socket", "web.timer"),
    )  # fmt: skip
    assert direct_needs(unit, ("srv.mount",)) == ("db.service", "net.service", "disk.mount", "srv.mount", "web.socket")


def test_dependants_are_who_falls_too() -> None:
    """Who requires it, is bound to it or is part of it; not who only wants it."""
    unit = Unit(
        name="db.service", required_by=("web.service",), bound_by=("api.service",), consists_of=("a.service",), wanted_by=("x.target",)
    )
    assert direct_dependants(unit) == ("web.service", "api.service", "a.service")


def test_the_nearest_come_first() -> None:
    """Breadth first, each once, a circle does not matter, and what every host has is neither given nor entered."""
    graph = {
        "a": ("b", "sysinit.target", "c"),
        "b": ("d", "a"),
        "c": ("d", "system.slice", "-.mount"),
        "sysinit.target": ("everything",),
    }
    assert walk("a", lambda name: graph.get(name, ())) == ("b", "c", "d")


def test_a_walk_ends() -> None:
    """A graph without end is left after 200 units."""
    assert len(walk("0", lambda name: (str(int(name) + 1), str(int(name) + 2)))) == WALK_LIMIT


def test_targets_of_the_operator_are_no_basics() -> None:
    """Only the stages of the boot are everybody's."""
    assert [is_basic(name) for name in ("multi-user.target", "user-1000.slice", "session-1.scope", "-.mount")] == [True] * 4
    assert [is_basic(name) for name in ("shop.target", "srv.mount", "db.service")] == [False] * 3


def test_every_part_of_a_path_may_be_a_mount() -> None:
    """The units that could carry a path, the nearest to the root first."""
    assert mount_units(("/srv/data/x",)) == ("srv.mount", "srv-data.mount", "srv-data-x.mount")


@pytest.mark.parametrize(
    "path", ["/srv/data", "/srv/a-b", "/srv/with space", "/srv/.hidden", "/.hidden", "/", "/srv/ü_x:y", "/srv//twice/"]
)
def test_mount_units_are_named_as_systemd_does(path: str) -> None:
    """The same name as systemd-escape gives."""
    said = subprocess.run(["systemd-escape", "--path", "--suffix=mount", path], check=True, capture_output=True, text=True)
    assert mount_unit(path) == said.stdout.strip()
