"""One cause below many symptoms: one incident, one repair, at the root."""

from tests.lab.watched import Watched, Web

STOCK = Web("stock", port=7101)
COUNTER = Web("counter", port=7102, settings="needs = 127.0.0.1:7101", unit="BindsTo=stock.service\nAfter=stock.service")
WINDOW = Web("window", port=7103, settings="needs = 127.0.0.1:7102", unit="BindsTo=counter.service\nAfter=counter.service")
MOUNT = "[Mount]\nWhat=/var/tmp/shelf.img\nWhere=/srv/shelf\nType=ext4\nOptions=loop\n"
PROXY = "server { listen 127.0.0.1:7105; location / { proxy_pass http://127.0.0.1:7101; } }\n"
FRONT = """
[[service]]
name = "front"
unit = "nginx.service"
probes = [{ http = "http://127.0.0.1:7105/" }]
config_files = ["/etc/nginx/nginx.conf"]
config_test = ["/usr/sbin/nginx", "-t"]
"""


def _shelf(watched: Watched, install: str = "") -> Web:
    """A service that needs what lies on a mount of its own."""
    watched.host.unit("srv-shelf.mount", MOUNT + install)
    watched.host.ok("truncate -s 8M /var/tmp/shelf.img && mkfs.ext4 -q /var/tmp/shelf.img && systemctl start srv-shelf.mount")
    watched.host.ok("echo > /srv/shelf/catalogue")
    return watched.web(Web("reader", settings="needs = /srv/shelf/catalogue", unit="RequiresMountsFor=/srv/shelf"))


def test_dependants_come_back_with_their_root(watched: Watched) -> None:
    """Three services go down in a row because the lowest was killed: it is started, and they come back with it."""
    webs = [watched.web(web) for web in (STOCK, COUNTER, WINDOW)]
    watched.begin()
    with watched.untouched(*(web.target for web in webs)):
        watched.host.ok("systemctl kill -s KILL stock")
        watched.healed("stock.service", *(f"start_unit {web.target}" for web in webs))
    assert [watched.answers(web, "/health") for web in webs] == ["ok"] * 3


def test_a_mount_that_is_gone_is_the_root(watched: Watched) -> None:
    """An enabled mount went away, and the service above it runs on without its files: it is mounted, and nothing else is done."""
    web = _shelf(watched, "[Install]\nWantedBy=multi-user.target\n")
    watched.host.ok("systemctl enable srv-shelf.mount")
    watched.begin()
    watched.host.wait_until(lambda: watched.host.ok("test $(($(date +%s) - $(date +%s -r /srv/shelf/catalogue))) -gt 5; echo $?") == "0\n")
    with watched.untouched("srv-shelf.mount"):
        watched.host.ok("umount /srv/shelf")
        assert watched.answers(web, "/health") == ""
        watched.healed("srv-shelf.mount", "start_unit srv-shelf.mount")
    assert watched.answers(web, "/health") == "ok"


def test_what_a_running_service_needs_is_started_below_it(watched: Watched) -> None:
    """Only the service shows a fault, since the boot does not start its mount: the mount is started, the service not restarted."""
    web = _shelf(watched)
    watched.begin()
    with watched.untouched("srv-shelf.mount"):
        watched.host.ok("umount /srv/shelf")
        watched.healed(web.target, "start_unit srv-shelf.mount")
    assert watched.answers(web, "/health") == "ok"


def test_a_service_that_died_with_its_mount_comes_back_after_it(watched: Watched) -> None:
    """Started alone the service would write into an empty directory; the mount comes first."""
    web = _shelf(watched)
    watched.begin()
    with watched.untouched("srv-shelf.mount", web.target):
        watched.host.ok("systemctl kill -s KILL reader; umount /srv/shelf")
        watched.healed("srv-shelf.mount", "start_unit srv-shelf.mount", "start_unit reader.service")
    assert watched.answers(web, "/health") == "ok"


def test_a_latent_mistake_above_is_not_loaded_by_the_repair(watched: Watched) -> None:
    """The server behind nginx died, and nginx has a broken configuration that it has not loaded: it is not restarted for that."""
    web = watched.web(STOCK)
    watched.host.write("/etc/nginx/sites-enabled/default", PROXY)
    watched.host.ok("systemctl enable --now nginx")
    watched.declare(FRONT, "/etc/nginx/nginx.conf")
    watched.begin()
    watched.host.ok("echo 'no such directive;' >> /etc/nginx/nginx.conf")
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s KILL stock")
        watched.healed(web.target, "start_unit stock.service")
    assert watched.host.ok("curl -sf http://127.0.0.1:7105/").strip() == "hello"
    assert "no such directive" in watched.host.read("/etc/nginx/nginx.conf")
