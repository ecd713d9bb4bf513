"""Configuration that was broken and then loaded: the good copy comes back, and what was well is left alone."""

from dataclasses import replace

from tests.lab.watched import Watched, Web

ATLAS = Web("atlas")
TESTED = replace(ATLAS, declared=ATLAS.config_test)
BREAK = "echo 'gretting = hi' >> /etc/atlas.conf"
NGINX = """
[[service]]
name = "front"
unit = "nginx.service"
probes = [{ http = "http://127.0.0.1/" }]
config_files = ["/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/default"]
config_test = ["/usr/sbin/nginx", "-t"]
"""
REDIS = """
[[service]]
name = "cache"
unit = "redis-server.service"
probes = [{ tcp = "127.0.0.1:6379" }]
config_files = ["/etc/redis/redis.conf"]
"""


def test_a_broken_configuration_is_brought_back(watched: Watched) -> None:
    """The service's own test refuses what is on disk, so the copy that it ran with is restored, and then it is started."""
    web = watched.web(TESTED)
    watched.begin()
    good = watched.host.read(web.config_file)
    with watched.untouched(web.target):
        watched.host.sh(f"{BREAK}; systemctl restart atlas")
        watched.healed(web.target, "restore_config /etc/atlas.conf", "start_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"
    assert watched.host.read(web.config_file) == good


def test_a_broken_nginx_is_brought_back(watched: Watched) -> None:
    """Of two declared files only the broken one is restored; the pages come again."""
    watched.host.ok("systemctl enable --now nginx")
    watched.declare(NGINX, "/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/default")
    watched.begin()
    with watched.untouched("nginx.service"):
        watched.host.sh("sed -i 's/worker_connections/worker_connection/' /etc/nginx/nginx.conf; systemctl restart nginx")
        watched.healed("nginx.service", "restore_config /etc/nginx/nginx.conf", "start_unit nginx.service", phase=2)
    assert "Welcome to nginx" in watched.host.ok("curl -sf http://127.0.0.1/")


def test_a_broken_configuration_without_a_test_is_voted_on(watched: Watched) -> None:
    """Nothing proves that the change is the cause; two experts of three, who read different evidence, say so."""
    web = watched.web(ATLAS)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.sh(f"{BREAK}; systemctl restart atlas")
        watched.healed(web.target, "restore_config /etc/atlas.conf", "start_unit atlas.service", phase=3)
    assert watched.answers(web) == "hello"
    votes = watched.host.sql("SELECT stance FROM agent_consultations", db="escalations")
    assert [vote["stance"] for vote in votes].count("propose") >= 2


def test_a_broken_redis_is_brought_back(watched: Watched) -> None:
    """A server that says on stderr alone why it does not start, behind Restart= and a start limit."""
    watched.host.ok("systemctl enable --now redis-server")
    watched.declare(REDIS, "/etc/redis/redis.conf")
    watched.begin()
    with watched.untouched("redis-server.service"):
        watched.host.sh("echo 'maxmemory lots' >> /etc/redis/redis.conf; systemctl restart redis-server")
        watched.healed("redis-server.service", "restore_config /etc/redis/redis.conf", "start_unit redis-server.service", phase=3)
    assert watched.host.ok("redis-cli ping; redis-cli set key value; redis-cli get key").split() == ["PONG", "OK", "value"]


def test_a_crash_loop_through_its_configuration_ends(watched: Watched) -> None:
    """Restart= hides that it never comes up: the loop itself is the fault, and the bad configuration its cause."""
    web = watched.web(replace(TESTED, unit="StartLimitIntervalSec=0", service="Restart=always\nRestartSec=300ms"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.sh(f"{BREAK}; systemctl restart atlas")
        watched.healed(web.target, "restore_config /etc/atlas.conf", "restart_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"


def test_a_missing_environment_file_is_brought_back(watched: Watched) -> None:
    """The file that the unit reads its environment from is gone: it is remembered unasked, and comes back."""
    watched.host.write("/etc/default/atlas", "TIER=inner\n", 0o640)
    web = watched.web(replace(ATLAS, service="EnvironmentFile=/etc/default/atlas"))
    watched.declare("", "/etc/default/atlas")
    watched.begin()
    with watched.untouched(web.target):
        watched.host.sh("rm /etc/default/atlas; systemctl restart atlas")
        watched.healed(web.target, "restore_config /etc/default/atlas", "start_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"
    assert watched.host.ok("stat -c '%a %U' /etc/default/atlas; cat /etc/default/atlas").split() == ["640", "root", "TIER=inner"]


def test_a_broken_unit_file_is_brought_back(watched: Watched) -> None:
    """A unit file that systemd cannot use at all is restored, and read again."""
    web = watched.web(ATLAS)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok(f"sed -i /^ExecStart=/d {web.unit_file} && systemctl daemon-reload && systemctl kill -s KILL atlas")
        watched.healed(web.target, f"restore_config {web.unit_file}", "start_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"
    assert watched.host.read(web.unit_file) == web.unit_text


def test_a_unit_file_that_is_gone_is_brought_back(watched: Watched) -> None:
    """systemd has forgotten the unit; the daemon has not."""
    web = watched.web(ATLAS)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok(f"rm {web.unit_file} && systemctl daemon-reload && systemctl kill -s KILL atlas")
        watched.healed(web.target, f"restore_config {web.unit_file}", "start_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"
    assert watched.host.read(web.unit_file) == web.unit_text


def test_a_unit_file_that_names_no_program_is_brought_back(watched: Watched) -> None:
    """systemd reads it without complaint, and there is nothing to start: no start is tried before the good copy is back."""
    web = watched.web(ATLAS)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok(f"sed -i s/webapp/webap/ {web.unit_file} && systemctl daemon-reload && systemctl kill -s KILL atlas")
        watched.healed(web.target, f"restore_config {web.unit_file}", "start_unit atlas.service", phase=2)
    assert watched.answers(web) == "hello"


def test_a_changed_unit_file_is_read_before_the_start(watched: Watched) -> None:
    """The program moved and the unit file says so, but systemd was not told: it is told, and then starts the right one."""
    web = watched.web(ATLAS)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok(f"mv /opt/lab/webapp.py /opt/lab/atlas.py && sed -i s/webapp/atlas/ {web.unit_file}")
        watched.host.ok("systemctl kill -s KILL atlas")
        watched.healed(web.target, "daemon_reload atlas.service", "start_unit atlas.service")
    assert watched.answers(web) == "hello"
    assert "atlas.py" in watched.host.ok("systemctl show -P ExecStart atlas")


def test_a_lost_owner_comes_back(watched: Watched) -> None:
    """Its data directory belongs to somebody else: owner and mode come back, and what lies beneath is not touched."""
    watched.host.ok("useradd --system scribe && install -d -o scribe -g scribe -m 750 /var/lib/atlas && echo x > /var/lib/atlas/of-root")
    web = watched.web(replace(ATLAS, settings="data = /var/lib/atlas", service="User=scribe", declared='files = ["/var/lib/atlas"]'))
    watched.declare("", "/var/lib/atlas")
    watched.begin()
    with watched.untouched():
        watched.host.ok("chown root:root /var/lib/atlas && chmod 700 /var/lib/atlas")
        watched.healed(web.target, "restore_owner_mode /var/lib/atlas")
    assert watched.answers(web, "/write", post="more") == "written"
    owners = watched.host.ok("stat -c '%U %G %a' /var/lib/atlas /var/lib/atlas/of-root")
    assert owners.splitlines() == ["scribe scribe 750", "root root 644"]


def test_a_directory_that_can_be_made_anew_is_made(watched: Watched) -> None:
    """Somebody tidied /run: the directory is there again as it was, and the service was not restarted for it."""
    watched.host.ok("useradd --system scribe && install -d -o scribe -g scribe -m 750 /run/atlas")
    web = watched.web(replace(ATLAS, settings="data = /run/atlas", service="User=scribe", declared='files = ["/run/atlas"]'))
    watched.declare("", "/run/atlas")
    watched.begin()
    with watched.untouched():
        watched.host.ok("rm -r /run/atlas")
        watched.healed(web.target, "restore_directory /run/atlas")
    assert watched.answers(web, "/write", post="more") == "written"
    assert watched.host.ok("stat -c '%U %G %a' /run/atlas").strip() == "scribe scribe 750"
