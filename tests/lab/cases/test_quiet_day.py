"""A day on which much happens and nothing is wrong: all in one host, and two sweeps later it is as its administrator left it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.base import Base
from tests.lab.host import Host, Row
from tests.lab.watched import Watched, Web

VENDOR = "/lib/systemd/system"  # what lies in /etc cannot be masked
WEBS = (
    Web("stopped", 7100),
    Web("disabled", 7101),
    Web("masked", 7102, directory=VENDOR),
    Web("yarn", 7103),
    Web("cloth", 7104, unit="Requires=yarn.service\nAfter=yarn.service"),
    Web("coat", 7105, unit="BindsTo=cloth.service\nAfter=cloth.service"),
    Web("edited", 7106, declared=Web("edited").config_test),
    Web("slow", 7108),
    Web("notifying", 7109, service="Type=notify\nNotifyAccess=main"),
)
STUBBORN = """
[Service]
ExecStart=/bin/sh -c 'trap "exit 143" TERM; while sleep 0.1; do :; done'
[Install]
WantedBy=multi-user.target
"""
ONCE = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
OTHERS = {"stubborn": STUBBORN, "once": ONCE, "undeclared-once": ONCE}
MORE = """
[[service]]
name = "stubborn"
unit = "stubborn.service"
[[service]]
name = "once"
unit = "once.service"
[[service]]
name = "cache"
unit = "redis-server.service"
probes = [{ tcp = "127.0.0.1:6379" }]
"""
ACTS = """
systemctl stop stopped stubborn yarn
systemctl disable --now disabled
systemctl mask --now masked
systemctl start once undeclared-once
echo nonsense >> /etc/edited.conf
systemctl kill -s KILL redis-server; until redis-cli ping; do sleep 0.1; done
echo 'start_seconds = 8' | tee -a /etc/slow.conf >> /etc/notifying.conf
systemctl restart slow; systemctl restart --no-block notifying; sleep 0.2
"""


def stands(host: Host, name: str) -> Row:
    """How a unit stands, and in which run; systemd forgets the runs of what is down."""
    row = host.show(f"{name}.service", "ActiveState", "UnitFileState", "NRestarts", "InvocationID")
    return row if row["ActiveState"] in ("active", "activating") else {**row, "NRestarts": "", "InvocationID": ""}


@dataclass(frozen=True)
class Day:
    """A host after all the acts and two sweeps, and how each unit stood right after the acts."""

    watched: Watched
    before: dict[str, Row]

    def left_alone(self, *names: str) -> None:
        """Neither touched nor called a fault."""
        assert {name: stands(self.watched.host, name) for name in names} == {name: self.before[name] for name in names}
        assert [row for row in self.watched.host.incidents() if row["target"].removesuffix(".service") in names] == []
        assert self.watched.changes() == []

    def states(self, *names: str) -> list[str]:
        return [self.before[name]["ActiveState"] for name in names]


@pytest.fixture(scope="module")
def day(base: Base) -> Iterator[Day]:
    with Host(base) as host:
        host.write("/opt/lab/webapp.py", Path(__file__).parents[1].joinpath("webapp.py").read_text(encoding="utf-8"), 0o755)
        watched = Watched(host)
        for web in WEBS:
            watched.web(web)
        for name, text in OTHERS.items():
            host.unit(f"{name}.service", text)
        host.ok("systemctl enable --now stubborn redis-server; systemctl enable once undeclared-once")
        watched.declare(MORE)
        watched.begin()
        host.ok(ACTS)
        before = {name: stands(host, name) for name in (*(web.name for web in WEBS), *OTHERS, "redis-server")}
        watched.sweeps()
        yield Day(watched, before)


def test_nothing_was_changed_and_nobody_was_bothered(day: Day) -> None:
    """No action, no question, no mail."""
    assert (day.watched.changes(), day.watched.escalations()) == ([], [])


def test_what_was_stopped_disabled_or_masked_stays_so(day: Day) -> None:
    """An administrator's decision stands, declared or not."""
    assert day.states("stopped", "disabled", "masked") == ["inactive"] * 3
    day.left_alone("stopped", "disabled", "masked")


def test_a_stop_that_ends_badly_is_a_stop(day: Day) -> None:
    """A program that exits with 143 when it is told to stop leaves a failed unit, and is no fault."""
    assert day.states("stubborn") == ["failed"]
    day.left_alone("stubborn")


def test_a_stop_holds_for_what_stands_on_it(day: Day) -> None:
    """He stopped what others need: they went down with it, one after the other, and all stay down."""
    assert day.states("yarn", "cloth", "coat") == ["inactive"] * 3
    day.left_alone("yarn", "cloth", "coat")


def test_a_oneshot_that_ended_is_done(day: Day) -> None:
    """It ran, ended and is inactive: that is what it is for, declared or not."""
    assert day.states("once", "undeclared-once") == ["inactive"] * 2
    day.left_alone("once", "undeclared-once")


def test_a_single_restart_by_systemd_is_left_to_it(day: Day) -> None:
    """Restart= did its work once: nobody has to help."""
    assert day.before["redis-server"]["NRestarts"] == "1"
    day.left_alone("redis-server")


def test_a_broken_configuration_of_what_runs_well_is_not_touched(day: Day) -> None:
    """It runs with what it loaded before; a restart would turn a latent mistake into an outage."""
    day.left_alone("edited")
    assert day.watched.host.ok("curl -sf 127.0.0.1:7106; tail -n 1 /etc/edited.conf").split() == ["hello", "nonsense"]


@pytest.mark.parametrize(("name", "port", "state"), [("slow", 7108, "active"), ("notifying", 7109, "activating")])
def test_a_start_is_waited_for(day: Day, name: str, port: int, state: str) -> None:
    """The run that was begun is the one that answers in the end: a restart would only begin that time anew."""
    assert day.states(name) == [state]
    day.watched.host.wait_until(lambda: day.watched.answers(Web(name, port)), 15)
    assert stands(day.watched.host, name)["InvocationID"] == day.before[name]["InvocationID"]
    assert [row for row in day.watched.host.incidents() if row["target"] == f"{name}.service"] == []
