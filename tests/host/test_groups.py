"""What the kernel counts for a group, by the files of v1, hybrid and v2."""

from pathlib import Path

import pytest

from orchestrator.host.groups import Groups, Room

SHOP = "/system.slice/shop.service"
STALLED = "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=2.00 avg60=0.50 avg300=0.00 total=9\n"


def tree(root: Path, files: dict[str, str]) -> Groups:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Groups(root)


@pytest.fixture(params=["v2", "v1"])
def groups(request: pytest.FixtureRequest, tmp_path: Path) -> Groups:
    """The same host, 50 of 200 bytes and 9 of 10 tasks, as each generation writes it."""
    if request.param == "v2":
        return tree(
            tmp_path,
            {
                "system.slice/memory.max": "max\n",
                "system.slice/shop.service/memory.max": "200\n",
                "system.slice/shop.service/memory.stat": "anon 40\nfile 5000\nshmem 10\n",
                "system.slice/shop.service/memory.events": "low 0\nmax 7\noom 1\noom_kill 3\n",
                "system.slice/shop.service/pids.current": "9\n",
                "system.slice/shop.service/pids.max": "10\n",
                "system.slice/shop.service/pids.events": "max 4\n",
                "system.slice/shop.service/io.pressure": STALLED,
            },
        )
    return tree(
        tmp_path,
        {
            "systemd/system.slice/shop.service/cgroup.procs": "",
            "memory/system.slice/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/system.slice/shop.service/memory.limit_in_bytes": "200\n",
            "memory/system.slice/shop.service/memory.stat": "cache 5010\nrss 1\ntotal_rss 40\ntotal_shmem 10\n",
            "memory/system.slice/shop.service/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            "pids/system.slice/shop.service/pids.current": "9\n",
            "pids/system.slice/shop.service/pids.max": "10\n",
            "pids/system.slice/shop.service/pids.events": "max 4\n",
            "unified/system.slice/shop.service/io.pressure": STALLED,
        },
    )


def test_a_group_is_counted(groups: Groups) -> None:
    """Memory without the cache of files, tasks, kills, refused forks and pressure: the same on v1 and on v2."""
    assert groups.memory_room(SHOP) == Room(50, 200, SHOP)
    assert groups.tasks_room(SHOP) == Room(9, 10, SHOP)
    assert (groups.oom_kills(SHOP), groups.refused_forks(SHOP)) == (3, 4)
    pressure = groups.pressure(SHOP, "io")
    assert pressure is not None
    assert (pressure.some10, pressure.full10) == (12.5, 2.0)


def test_a_service_is_found_where_systemd_puts_it(groups: Groups) -> None:
    """Without asking systemd; one that does not run has no group."""
    assert groups.of_unit("shop.service") == SHOP
    assert groups.of_unit("gone.service") == ""


def test_an_instance_has_a_slice_of_its_template(tmp_path: Path) -> None:
    """systemd.exec: instances share a slice."""
    groups = tree(tmp_path, {"system.slice/system-shop.slice/shop@1.service/cgroup.procs": ""})
    assert groups.of_unit("shop@1.service") == "/system.slice/system-shop.slice/shop@1.service"


def test_the_nearest_limit_counts(tmp_path: Path) -> None:
    """A slice that is nearly full ends its services before they meet their own limit."""
    group = "/shops.slice/shop.service"
    groups = tree(
        tmp_path,
        {
            "shops.slice/memory.max": "100\n",
            "shops.slice/memory.stat": "anon 99\n",
            "shops.slice/shop.service/memory.max": "100\n",
            "shops.slice/shop.service/memory.stat": "anon 10\n",
        },
    )
    assert groups.memory_room(group) == Room(99, 100, "/shops.slice")


def test_what_is_not_counted_is_unknown(tmp_path: Path) -> None:
    """No controller, no number: never zero, never healthy."""
    groups = tree(tmp_path, {"system.slice/shop.service/cgroup.procs": ""})
    assert (groups.memory_room(SHOP), groups.tasks_room(SHOP), groups.pressure(SHOP, "io")) == (None, None, None)
    assert groups.memory_room("") is None
