"""Well-known servers as data: every shipped one can be used, and one is recognised by what its unit runs."""

from pathlib import Path

import pytest

from orchestrator.config import ConfigError, load, probes_from
from orchestrator.servers import Server, recognise, shipped

WEB = Server(name="web", programs=("webd", "web-*"), config=("/etc/web/web.conf",), test=("{program}", "-t"), test_options=("-c",))
CLUSTER = Server(name="cluster", programs=("start",), units=("db@*.service",), config=("/etc/db/{1}/{2}.conf", "/etc/db/{3}.conf"))


@pytest.mark.parametrize("server", shipped(), ids=lambda server: server.name)
def test_each_shipped_server_can_be_used(server: Server) -> None:
    """Its probes are probes, its test is a program by its path, and a unit that does nothing itself names those that do."""
    probes_from(server.probes)
    assert not server.test or server.test[0].startswith(("/", "{program}"))
    assert not server.stands_for or server.units


@pytest.mark.parametrize(
    ("unit", "argv", "name"),
    [
        ("shop.service", ["/usr/sbin/webd", "-D"], "web"),
        ("shop.service", ["/opt/web-2"], "web"),
        ("shop.service", ["/usr/bin/spider-webd"], ""),
        ("shop.service", ["/usr/bin/start"], ""),
        ("db@1-main.service", ["/usr/bin/start"], "cluster"),
        ("db@1-main.service", [], ""),
    ],
)
def test_a_server_is_recognised_by_its_program_and_its_unit(unit: str, argv: list[str], name: str) -> None:
    """A wrapper that others share is no name, and a likeness is none either."""
    found = recognise((WEB, CLUSTER), unit, [argv])
    assert (found.server if found else "") == name


def test_options_of_the_unit_reach_the_test() -> None:
    """The file that the unit names is the one that is judged and remembered; one that systemd has yet to fill in says nothing."""
    found = recognise((WEB,), "shop.service", [["/usr/sbin/webd", "-c", "/etc/other.conf"]])
    assert found
    assert (found.test, found.config) == (("/usr/sbin/webd", "-t", "-c", "/etc/other.conf"), ("/etc/other.conf", "/etc/web/web.conf"))
    unfilled = recognise((WEB,), "shop.service", [["/usr/sbin/webd", "-c", "$FILE"]])
    assert unfilled
    assert unfilled.test == ("/usr/sbin/webd", "-t")


def test_an_instance_fills_the_places() -> None:
    """Parts of its name fill the paths; a path with a place that stays empty is left out."""
    found = recognise((CLUSTER,), "db@15-main.service", [["/usr/bin/start"]])
    assert found
    assert found.config == ("/etc/db/15/main.conf",)


def test_the_operators_servers_add_and_replace(tmp_path: Path) -> None:
    """One of the same name stands in the place of the shipped one; the others stay."""
    file = tmp_path / "config.toml"
    file.write_text('[[server]]\nname = "nginx"\nprograms = ["own-nginx"]\n[[server]]\nname = "mine"\nprograms = ["mined"]\n')
    servers = {server.name: server for server in load(file).server}
    assert servers["nginx"].programs == ("own-nginx",)
    assert {"mine", "redis"} <= servers.keys()


@pytest.mark.parametrize("line", ['probes = [{ htp = "x" }]', 'test = "webd -t"', "programs = []"])
def test_a_server_that_cannot_be_used_is_told(line: str, tmp_path: Path) -> None:
    """With the file and the key, as any other mistake of the configuration."""
    file = tmp_path / "config.toml"
    file.write_text(f'[[server]]\nname = "mine"\n{line}\n' + ("" if "programs" in line else 'programs = ["mined"]\n'))
    with pytest.raises(ConfigError, match="server"):
        load(file)


def test_what_an_umbrella_stands_for_belongs_to_its_service(tmp_path: Path) -> None:
    """The operator declares the unit that he knows; a fault of the one that does the work is that service's."""
    file = tmp_path / "config.toml"
    file.write_text('[[service]]\nname = "db"\nunit = "postgresql.service"\n')
    config = load(file)
    service = config.service_of("postgresql@15-main.service")
    assert service
    assert service.name == "db"
    assert config.service_of("postfix@-.service") is None
