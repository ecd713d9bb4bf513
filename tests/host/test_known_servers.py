"""What is known of a service by the server that it runs, and that nothing of it counts before it has passed here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import CommandProbe, Probe, Service
from orchestrator.host import Unit, View
from orchestrator.host.known_servers import KnownServers
from orchestrator.host.probes import ProbeResult
from orchestrator.servers import Server

SHOP = Service(name="shop", unit="shop.service")


class Stage:
    """A host of units that are written down, and the commands that were run there."""

    def __init__(self, view: View, *units: Unit) -> None:
        self.units = {unit.name: unit for unit in units}
        self.asked: list[tuple[str, str | None]] = []
        self.passes = True
        self.servers = KnownServers(view.files, self.units.__getitem__, self.ask)

    def ask(self, probe: Probe, user: str | None) -> ProbeResult:
        assert isinstance(probe, CommandProbe)
        self.asked.append((" ".join(probe.command), user))
        return ProbeResult("probe", self.passes)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


def running(name: str, *argv: str, **fields: object) -> Unit:
    return Unit(name=name, active_state="active", exec_start=(argv,), user="www", **fields)  # type: ignore[arg-type]


def server(**fields: object) -> Server:
    return Server.model_validate({"name": "web", "programs": ["webd"], **fields})


def test_a_test_counts_after_it_has_passed(view: View) -> None:
    """One that fails where the service is well may be wrong for this host: it says nothing, and is not asked all the time."""
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server(test=["{program}", "-t"])])
    stage.passes = False
    list(stage.servers.prove(SHOP))
    list(stage.servers.prove(SHOP))
    assert stage.servers.test("shop.service") is None
    assert stage.asked == [("/usr/sbin/webd -t", "www")]


def test_what_has_passed_counts_from_then_on(view: View) -> None:
    """Also when it fails later: that is what it is for."""
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server(test=["{program}", "-t"], test_user="root", probes=[{"command": ["/bin/ask"]}], probe_user="db")])
    assert stage.servers.probes("shop.service")[0] == ()
    assert list(stage.servers.prove(SHOP)) == ["shop is web: probe", "shop is web: probe"]
    assert stage.servers.test("shop.service") == (CommandProbe(command=("/usr/sbin/webd", "-t"), timeout_seconds=20), "root")
    assert stage.servers.probes("shop.service") == ((CommandProbe(command=("/bin/ask",)),), "db")


def test_what_is_declared_is_not_tried(view: View) -> None:
    """The operator's own test and probes stand in the place of those of the server."""
    declared = SHOP.model_copy(update={"config_test": ("/bin/mine",), "probes": (CommandProbe(command=("/bin/own",)),)})
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(declared, [server(test=["{program}", "-t"], probes=[{"command": ["/bin/ask"]}])])
    list(stage.servers.prove(declared))
    assert stage.asked == []


def test_nothing_is_tried_while_the_service_is_down(view: View) -> None:
    """A test that fails because of the fault would never count again."""
    stage = Stage(view, Unit(name="shop.service", active_state="failed", exec_start=(("/usr/sbin/webd",),)))
    stage.servers.meet(SHOP, [server(test=["{program}", "-t"])])
    list(stage.servers.prove(SHOP))
    assert stage.asked == []


def test_a_broken_unit_file_is_still_of_the_same_server(view: View) -> None:
    """What cannot be recognised while it is down is what it was; what runs as something else is that."""
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server()])
    stage.units["shop.service"] = Unit(name="shop.service", load_state="bad-setting")
    stage.servers.meet(SHOP, [server()])
    assert stage.servers.of("shop.service")
    stage.units["shop.service"] = running("shop.service", "/usr/bin/other")
    stage.servers.meet(SHOP, [server()])
    assert stage.servers.of("shop.service") is None


def test_a_unit_that_does_nothing_is_known_by_those_that_do(view: View) -> None:
    """Files, logs and units are those of the instances; several have no test in common."""
    umbrella = Server(name="all", programs=("true",), units=("shop.service",), stands_for="shop@*.service")
    one = server(units=["shop@*.service"], config=["/etc/shop-{1}.conf"], test=["{program}", "-t"])
    stage = Stage(
        view,
        running("shop.service", "/bin/true", consists_of=("shop@a.service", "other.service"), wants=("shop@b.service",)),
        running("shop@a.service", "/usr/sbin/webd"),
        running("shop@b.service", "/usr/sbin/webd"),
    )
    stage.servers.meet(SHOP, [umbrella, one])
    known = stage.servers.of("shop.service")
    assert known
    assert (known.units, known.config, known.test) == (("shop@a.service", "shop@b.service"), ("/etc/shop-a.conf", "/etc/shop-b.conf"), None)


def test_patterns_name_what_is_there_and_know_what_is_gone(view: View, tmp_path: Path) -> None:
    """A `*` stands for one part, in the middle of a path too."""
    (tmp_path / "7.4" / "pool.d").mkdir(parents=True)
    (tmp_path / "7.4" / "pool.d" / "www.conf").touch()
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server(config=[f"{tmp_path}/*/pool.d/*.conf", f"{tmp_path}/absent"])])
    known = stage.servers.of("shop.service")
    assert known
    assert known.files(view.files) == (f"{tmp_path}/7.4/pool.d/www.conf",)
    assert known.reads(f"{tmp_path}/7.4/pool.d/gone.conf")
    assert not known.reads(f"{tmp_path}/7.4/pool.d/deep/er.conf")


PING = CommandProbe(command=("/bin/ask",))


def test_a_probe_passes_anew_after_each_change(view: View, tmp_path: Path) -> None:
    """Who gave the server another port or a password meant it: a probe of before says nothing of that."""
    settings = tmp_path / "web.conf"
    settings.write_text("port = 1\n")
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server(config=[str(settings)], probes=[{"command": ["/bin/ask"]}])])
    list(stage.servers.prove(SHOP))
    assert stage.servers.probes("shop.service") == ((PING,), "www")
    settings.write_text("port = 2\n")
    os.utime(settings, (1, 1))
    stage.passes = False
    list(stage.servers.prove(SHOP))
    assert stage.servers.probes("shop.service") == ((), "www")


def test_an_answer_that_excuses_ends_the_trust(view: View) -> None:
    """A password, or a replica that takes no writes: the host is set up otherwise by now, and no fault comes of it."""
    stage = Stage(view, running("shop.service", "/usr/sbin/webd"))
    stage.servers.meet(SHOP, [server(probes=[{"command": ["/bin/ask"]}], excuses=["NOAUTH"])])
    list(stage.servers.prove(SHOP))
    assert not stage.servers.counts("shop.service", PING, ProbeResult("ask", ok=False, blind=True))
    assert stage.servers.counts("shop.service", PING, ProbeResult("ask", ok=False, detail="exit status 1: no answer"))
    assert stage.servers.probes("shop.service")[0] == (PING,)
    assert not stage.servers.counts(
        "shop.service", PING, ProbeResult("ask", ok=False, detail="exit status 1: NOAUTH Authentication required.")
    )
    assert stage.servers.probes("shop.service")[0] == ()
