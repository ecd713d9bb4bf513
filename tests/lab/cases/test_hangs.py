"""What runs, by systemd's word, and does not answer: one restart."""

from tests.lab.watched import Watched, Web

REDIS = """
[[service]]
name = "cache"
unit = "redis-server.service"
probes = [{ command = ["/usr/bin/redis-cli", "ping"], timeout_seconds = 1 }]
"""


def test_what_is_silent_is_restarted(watched: Watched) -> None:
    """A stopped process, hung workers, a stopped redis: each is active, its port open, and each is restarted once.

    They are broken in one host, side by side, since each takes its four misses to be believed.
    """
    stopped, hung = watched.web(Web("desk")), watched.web(Web("bench", port=7101, settings="workers = 2"))
    watched.host.ok("systemctl enable --now redis-server")
    watched.declare(REDIS)
    watched.begin()
    targets = ("bench.service", "desk.service", "redis-server.service")
    with watched.untouched(*targets):
        watched.host.ok("systemctl kill -s STOP desk redis-server")
        watched.host.ok("for n in 1 2; do curl -s -m 1 127.0.0.1:7101/hang >/dev/null & done; wait; true")
        rows = [watched.host.incident(target, "fixed") for target in targets]
    assert [(row["phase"], row["fix_successful"], row["occurrences"]) for row in rows] == [(1, 1, 1)] * 3
    assert sorted(watched.changes()) == [f"restart_unit {target}" for target in targets]
    assert (watched.incidents(), watched.escalations()) == (sorted(rows, key=lambda row: row["id"]), [])
    assert [watched.answers(stopped), watched.answers(hung)] == ["hello", "hello"]
    assert watched.host.ok("redis-cli ping; redis-cli set key value; redis-cli get key").split() == ["PONG", "OK", "value"]


def test_a_service_that_spins_is_restarted(watched: Watched) -> None:
    """Its workers use every CPU and never answer: the host is busy with nothing but this service."""
    web = watched.web(Web("desk", settings="workers = 4"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("cp /etc/desk.conf /etc/desk.was && echo 'work_seconds = 1000' >> /etc/desk.conf && systemctl kill -s HUP desk")
        watched.host.sh("sleep 0.1; for n in 1 2 3 4; do curl -s -m 1 127.0.0.1:7100/ & done; wait")
        watched.host.ok("mv /etc/desk.was /etc/desk.conf")
        watched.healed(web.target, "restart_unit desk.service")
    assert watched.answers(web) == "hello"


def test_a_hung_service_without_a_unit_is_stopped_and_started(watched: Watched) -> None:
    """It holds its port and is silent; the operator said how it is stopped, and how it is started."""
    web = Web("kiosk")
    watched.host.write(web.config_file, f"port = {web.port}\n")
    watched.host.write("/opt/lab/kiosk-stop", "#!/bin/sh\nexec pkill -KILL -u ops webapp.py\n", 0o755)
    argv = ["/opt/lab/webapp.py", "--config", web.config_file]
    watched.host.ok(f"runuser -u ops -- setsid {' '.join(argv)} >/dev/null 2>&1 &")
    watched.host.wait_until(lambda: watched.answers(web), 10)
    watched.declare(
        f'[[service]]\nname = "kiosk"\nuser = "ops"\nstart = {argv}\nstop = ["/opt/lab/kiosk-stop"]\n'
        f'probes = [{{ http = "http://127.0.0.1:{web.port}/health", timeout_seconds = 1 }}]\n'
    )
    watched.begin()
    with watched.untouched():
        watched.host.ok("pkill -STOP -u ops webapp.py")
        watched.healed("kiosk", "stop_service kiosk", "start_service kiosk")
    assert watched.answers(web) == "hello"
