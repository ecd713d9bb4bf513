"""`doctor` on hosts that are each broken in one way: it names that way first, the pasted line mends it, and then it is green."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.lab.base import Base
from tests.lab.conftest import equipped
from tests.lab.host import CHECKOUT, CONFIG, DAEMON, STATE, Host, LabError, Row
from tests.lab.shipped import HANDS_SOCKET, HANDS_UNIT

pytestmark = pytest.mark.timeout(600)

MAIL = "postfix.service"
SETTINGS = """
[daemon]
boot_grace_seconds = 0
poll_seconds = 2
[mail]
port = 2525
to = ["ops@example.org"]
[[service]]
name = "shop"
unit = "shop.service"
config_files = ["/etc/shop.conf"]
[[path]]
path = "/boot/shop"
remove_older_than = "1d"
"""
MAIL_SERVER = """[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/python3 /opt/lab/mail.py
[Install]
WantedBy=multi-user.target
"""
MAIL_PROGRAM = """import socket, socketserver, subprocess

class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 here\\r\\n")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            self.wfile.write({b"QUIT": b"221 bye\\r\\n", b"DATA": b"354 go\\r\\n"}.get(word, b"250 ok\\r\\n"))
            if word == b"QUIT":
                return
            if word == b"DATA":
                while self.rfile.readline().strip() != b".":
                    pass
                self.wfile.write(b"250 ok\\r\\n")

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

with Server(("127.0.0.1", 2525), Session) as server:
    subprocess.run(["systemd-notify", "--ready"])
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def whole(base: Base) -> Iterator[Host]:
    """A host where all works, in brain and hands; each test breaks it in its own way, and `doctor` makes it whole again."""
    with Host(base) as host:
        equipped(host)
        host.write("/opt/lab/mail.py", MAIL_PROGRAM)
        host.unit(MAIL, MAIL_SERVER)
        host.write("/etc/shop.conf", "x = 1\n")
        host.ok("mkdir -p /boot/shop /var/log/journal && systemd-tmpfiles --create --prefix /var/log/journal; journalctl --flush")
        host.unit("shop.service", "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
        host.ok(f"systemctl enable --now --quiet {MAIL} shop.service")
        host.start_daemon(SETTINGS.replace("/boot/shop", "/var/cache/shop"), one_process=False)
        host.ok("mkdir -p /var/cache/shop")
        host.ok(f"systemctl enable --quiet {DAEMON} {HANDS_SOCKET}")
        host.write("/usr/local/bin/orchestrator", f'#!/bin/sh\ncd {CHECKOUT} && exec {_python()} -m orchestrator "$@"\n', 0o755)
        _until_green(host)
        yield host


def _python() -> str:
    import sys  # noqa: PLC0415

    return sys.executable


def findings(host: Host) -> list[Row]:
    """What it says, the worst first."""
    rows: list[Row] = json.loads(host.sh("orchestrator doctor --json", 120).out)
    return rows


def _until_green(host: Host) -> None:
    last: list[Row] = []

    def green() -> bool:
        last[:] = findings(host)
        return bool(last[0]["state"] == "ok")

    try:
        host.wait_until(green, 90)
    except LabError:
        raise LabError(f"not green: {[row for row in last if row['state'] != 'ok']}") from None


@dataclass(frozen=True)
class Broken:
    """One way in which a host can be broken, and what is said of it first."""

    by: str
    part: str
    state: str = "bad"
    """How bad that is."""
    before: Callable[[Host], object] = lambda _host: None


def _copied(host: Host) -> None:
    """A good copy is there."""
    host.wait_until(lambda: host.sh(f"ls {STATE}/backup/*/tasks.db").status == 0, 150, "the first copy")


_DROP_IN = f"mkdir -p /etc/systemd/system/{DAEMON}.d; printf '[Service]\\nWatchdogSec=0\\n' > /etc/systemd/system/{DAEMON}.d"
_LONG_AGO = "UPDATE daemon SET tick_at = '2026-01-01 00:00:00.000'"

WAYS = {
    "the daemon was stopped": Broken(f"systemctl disable --now --quiet {DAEMON}", "daemon"),
    "the daemon hangs": Broken(
        f"{_DROP_IN}/99-x.conf; systemctl daemon-reload; systemctl restart {DAEMON}; rm /etc/systemd/system/{DAEMON}.d/99-x.conf;"
        f' systemctl daemon-reload; kill -STOP $(systemctl show -P MainPID {DAEMON}); sqlite3 {STATE}/tasks.db "{_LONG_AGO}"',
        "daemon",
    ),
    "the hands' socket was stopped": Broken(f"systemctl disable --now --quiet {HANDS_SOCKET} {HANDS_UNIT}", "hands"),
    "somebody else owns the configuration": Broken(f"systemctl stop {HANDS_UNIT}; chown 12345 {CONFIG}", "config"),
    "others can write the configuration": Broken("chmod o+w /etc/autonomous-orchestrator/conf.d/10-hands.toml", "config"),
    "the daemon cannot read the configuration": Broken(f"chmod 600 {CONFIG}", "config"),
    "root owns the state": Broken(f"chown root:root {STATE} && chmod 755 {STATE}", "state"),
    "root made a database his own": Broken(f"chown root:root {STATE}/tasks.db && chmod 600 {STATE}/tasks.db", "state"),
    "a database is damaged": Broken(
        f"systemctl stop {DAEMON}; printf garbage > {STATE}/tasks.db; rm -f {STATE}/tasks.db-*", "database", before=_copied
    ),
    "the daemon cannot read the journal": Broken(
        f"mkdir -p /etc/systemd/system/{DAEMON}.d; printf '[Service]\\nSupplementaryGroups=\\n' > /etc/systemd/system/{DAEMON}.d/98-x.conf;"
        f" systemctl daemon-reload; systemctl restart {DAEMON}",
        "journal",
    ),
    "the bus was stopped": Broken("systemctl stop dbus.socket dbus.service", "dbus"),
    "the mail server was stopped": Broken(f"systemctl disable --now --quiet {MAIL}", "mail"),
    "the state lies where the sandbox is closed": Broken(
        f"systemctl stop {DAEMON}; mkdir -p /srv/healer; chown orchestrator:orchestrator /srv/healer; chmod 2770 /srv/healer;"
        f" sed -i 's|^boot_grace|state_dir = \"/srv/healer\"\\nboot_grace|' {CONFIG};"
        f" systemctl start {DAEMON} || true",
        "sandbox",
    ),
    "a declared file lies where the hands may not write": Broken(
        f"printf '[[path]]\\npath = \"/boot/shop\"\\nremove_older_than = \"1d\"\\n' > /etc/autonomous-orchestrator/conf.d/60-boot.toml;"
        f" systemctl reload {DAEMON}",
        "sandbox", "warn",
    ),
    "another supervisor starts the same service": Broken(
        "printf '#!/bin/sh\\nwhile sleep 5; do systemctl restart shop.service; sleep 86400; done\\n' > /opt/lab/keep.sh;"
        " printf '[Service]\\nExecStart=/bin/sh /opt/lab/keep.sh\\n[Install]\\nWantedBy=multi-user.target\\n'"
        " > /etc/systemd/system/keeper.service; systemctl daemon-reload; systemctl enable --now --quiet keeper.service",
        "rivals", "warn",
    ),
    "the watchdog was turned off": Broken(
        f"{_DROP_IN}/10-x.conf; systemctl daemon-reload; systemctl restart {DAEMON}", "watchdog", "warn"
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_it_names_what_is_broken_first_and_the_pasted_line_mends_it(whole: Host, way: str) -> None:
    """As an operator does it at the console: read the first line, paste what it says, look again."""
    broken = WAYS[way]
    broken.before(whole)
    whole.ok(broken.by)
    first: Row = {}

    def seen() -> bool:
        first.update(findings(whole)[0])
        return (first["part"], first["state"]) == (broken.part, broken.state)

    try:
        whole.wait_until(seen, 60)
    except LabError:
        raise LabError(f"it says first: {first}; and then: {findings(whole)[1:4]}") from None
    whole.ok(first["mend"], 90)
    _until_green(whole)
