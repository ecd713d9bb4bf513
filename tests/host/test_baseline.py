"""What ran while all was well, as a value."""

from dataclasses import replace
from pathlib import Path

from orchestrator.host import Baseline, Listener
from orchestrator.host.baseline import enabled_units, listener_name


def test_it_survives_the_database() -> None:
    """JSON and back; unknown keys of another version are passed over."""
    baseline = Baseline(active=frozenset({"b.service", "a.service"}), listeners=frozenset({"tcp:80"}), read_at=5.0)
    data = baseline.to_json()
    assert data["active"] == ["a.service", "b.service"]
    assert Baseline.from_json(data | {"later": [1]}) == baseline
    assert Baseline.from_json({}) == Baseline()


def test_two_are_merged() -> None:
    """What ran in either; but enabled is what is enabled now."""
    old = Baseline(active=frozenset({"a"}), enabled=frozenset({"a"}), mounts=frozenset({"/"}), read_at=1.0)
    new = Baseline(active=frozenset({"b"}), enabled=frozenset({"b"}), mounts=frozenset({"/srv"}), read_at=2.0)
    assert old.merged(new) == Baseline(active=frozenset({"a", "b"}), enabled=frozenset({"b"}), mounts=frozenset({"/", "/srv"}), read_at=2.0)


def test_enabled_is_what_stands_in_the_directories(tmp_path: Path) -> None:
    """Links in wants and requires, dangling ones too; nothing that is no unit."""
    for name in ("multi-user.target.wants/web.service", "web.service.requires/srv.mount", "x.target.wants/notes.txt", "alone.service"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to("/nowhere")
    assert set(enabled_units(tmp_path)) == {"web.service", "srv.mount"}


def test_listeners_are_called_by_what_clients_know() -> None:
    """Port or path, whatever the address."""
    assert listener_name(Listener("tcp6", address="::", port=80)) == "tcp:80"
    assert listener_name(Listener("unix", path="/run/x.sock")) == "unix:/run/x.sock"


def test_what_somebody_has_in_hand_is_not_forgotten() -> None:
    """A mount that is gone and waits for a person stays missed; another that is gone was somebody's stick."""
    mounts = frozenset({"/", "/srv/kept", "/srv/stick"})
    before = Baseline(active=frozenset({"a.service", "b.service"}), mounts=mounts, read_at=1.0)
    now = Baseline(active=frozenset({"c.service"}), mounts=frozenset({"/"}), rescued=frozenset({"/srv/kept/lost+found"}), read_at=2.0)
    kept = now.missing(before, frozenset({"/srv/kept", "b.service"}))
    assert kept == replace(now, active=frozenset({"b.service", "c.service"}), mounts=frozenset({"/", "/srv/kept"}), rescued=frozenset())
    assert now.missing(before, frozenset()) == now


def test_a_host_of_many_devices_misses_its_services_all_the_same() -> None:
    """What is beyond the bound is what nobody would miss: devices, and what comes and goes with sessions."""
    devices = [f"dev-disk-{n:05}.device" for n in range(6000)]
    known = Baseline.from_json({"active": [*devices, "web.service", "zone.mount"]})
    assert {"web.service", "zone.mount"} <= known.active
    assert len(known.active) == 5000
