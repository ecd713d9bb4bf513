"""What went away: a start brings it back, and nothing else is needed."""

import pytest

from tests.lab.watched import Watched, Web

TILL = Web("till")


@pytest.mark.parametrize(
    "inject",
    [
        pytest.param("systemctl kill -s KILL till", id="a crash"),
        pytest.param("curl -s 127.0.0.1:7100/crash", id="an abort"),
        pytest.param("curl -s '127.0.0.1:7100/exit?status=0'", id="a clean exit by itself"),
        pytest.param("curl -s '127.0.0.1:7100/exit?status=3'", id="an exit with an error"),
        pytest.param("kill -TERM $(systemctl show -P MainPID till)", id="a SIGTERM from outside"),
    ],
)
def test_a_service_that_went_away_is_started(watched: Watched, inject: str) -> None:
    """However its process ended, as long as nobody stopped it, one start heals it."""
    web = watched.web(TILL)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.sh(inject)
        watched.healed(web.target, "start_unit till.service")
    assert watched.answers(web) == "hello"


def test_an_exhausted_start_limit_is_overcome(watched: Watched) -> None:
    """A healthy unit that was killed until systemd gave up is started once, over its start limit."""
    web = watched.web(Web("till", unit="StartLimitBurst=2\nStartLimitIntervalSec=60", service="Restart=always\nRestartSec=100ms"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("until systemctl is-failed -q till; do systemctl kill -s KILL till; sleep 0.2; done")
        watched.healed(web.target, "start_unit till.service")
    assert watched.answers(web) == "hello"


def test_a_service_killed_for_its_memory_is_started(watched_v1: Watched) -> None:
    """The kernel killed it at its own limit: it starts with fresh memory."""
    web = watched_v1.web(Web("till", service="MemoryMax=60M\nMemorySwapMax=0"))
    watched_v1.begin()
    with watched_v1.untouched(web.target):
        watched_v1.host.sh("curl -s '127.0.0.1:7100/leak?mb=100'")
        watched_v1.healed(web.target, "start_unit till.service")
    assert watched_v1.answers(web) == "hello"


def test_an_undeclared_unit_that_ran_is_started(watched: Watched) -> None:
    """Nobody declared it; it was enabled and ran while all was well, so it is started once."""
    watched.host.unit("courier.service", "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
    watched.host.ok("systemctl enable --now courier")
    watched.begin()
    with watched.untouched("courier.service"):
        watched.host.ok("systemctl kill -s KILL courier")
        watched.healed("courier.service", "start_unit courier.service")
    assert watched.host.ok("systemctl is-active courier") == "active\n"


def test_a_service_without_a_unit_is_started(watched: Watched) -> None:
    """What only the operator knows how to start is started by his command, as the user he named."""
    web = Web("kiosk")
    watched.host.write(web.config_file, f"port = {web.port}\n")
    argv = ["/opt/lab/webapp.py", "--config", web.config_file]
    watched.host.ok(f"runuser -u ops -- setsid {' '.join(argv)} >/dev/null 2>&1 &")
    watched.host.wait_until(lambda: watched.answers(web), 10)
    watched.declare(
        f'[[service]]\nname = "kiosk"\nuser = "ops"\nport = {web.port}\nstart = {argv}\n'
        f'probes = [{{ http = "http://127.0.0.1:{web.port}/health" }}]\n'
    )
    watched.begin()
    with watched.untouched():
        watched.host.ok(f"pkill -KILL -u ops -f {web.config_file}")
        watched.healed("kiosk", "start_service kiosk")
    assert watched.answers(web) == "hello"
    assert watched.host.ok("pgrep -c -u ops webapp.py").strip() == "1"


def test_two_faults_at_once_are_two_repairs(watched: Watched) -> None:
    """Two services that have nothing to do with each other die together: each is its own incident, and each is started."""
    webs = [watched.web(TILL), watched.web(Web("scale", port=7101))]
    watched.begin()
    with watched.untouched(*(web.target for web in webs)):
        watched.host.ok("systemctl kill -s KILL till scale")
        rows = [watched.host.incident(web.target, "fixed") for web in webs]
    assert [row["fix_successful"] for row in rows] == [1, 1]
    assert sorted(watched.changes()) == ["start_unit scale.service", "start_unit till.service"]
    assert [watched.answers(web) for web in webs] == ["hello", "hello"]
