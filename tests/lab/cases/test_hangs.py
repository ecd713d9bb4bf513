"""What runs, by systemd's word, and does not answer: one restart."""

from tests.lab.watched import Watched, Web

REDIS = """
[[service]]
name = "cache"
unit = "redis-server.service"
probes = [{ command = ["/usr/bin/redis-cli", "ping"], timeout_seconds = 1 }]
"""


def test_a_stopped_process_is_restarted(watched: Watched) -> None:
    """A SIGSTOP leaves the unit active and its port open; only its answer is missing."""
    web = watched.web(Web("desk"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s STOP desk")
        watched.healed(web.target, "restart_unit desk.service")
    assert watched.answers(web) == "hello"


def test_hung_workers_are_restarted(watched: Watched) -> None:
    """The process lives and takes connections, and every worker waits for ever."""
    web = watched.web(Web("desk", settings="workers = 2"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("for n in 1 2; do curl -s -m 1 127.0.0.1:7100/hang >/dev/null & done; wait; true")
        watched.healed(web.target, "restart_unit desk.service")
    assert watched.answers(web) == "hello"


def test_a_stopped_redis_is_restarted(watched: Watched) -> None:
    """A server that accepts connections and is silent is restarted; it answers and takes writes again."""
    watched.host.ok("systemctl enable --now redis-server")
    watched.declare(REDIS)
    watched.begin()
    with watched.untouched("redis-server.service"):
        watched.host.ok("systemctl kill -s STOP redis-server")
        watched.healed("redis-server.service", "restart_unit redis-server.service")
    assert watched.host.ok("redis-cli ping; redis-cli set key value; redis-cli get key").split() == ["PONG", "OK", "value"]
