"""Held-out exam: eight hosts with an ordinary operator's services, each broken once, and judged as their users would.

Written from DESIGN.md and README.md alone, without sight of the product. Every case has a `…_stand` (services, all well), the
operator's configuration, and a `…_break`. What counts is what one sees from outside: does the service do its work again, is
everything else as it was, has a person been told. Five heal, two must reach a person untouched, one is no fault at all.
"""

import time
from collections.abc import Callable

import pytest

from tests.lab.host import STATE, Host, Row

pytestmark = pytest.mark.timeout(110)

HOUSE = """
[daemon]
poll_seconds = 3

[mail]
enabled = false
"""

OURS = "/etc /srv/apps"  # where nothing may differ afterwards from what it was before the fault

# ---------------------------------------------------------------------------------------------------- what is seen from outside


def settled(lab: Host, config: str) -> None:
    """Start the daemon, let it get to know the host; nothing is wrong yet, so it has no reason to do anything."""
    lab.start_daemon(HOUSE + config)
    time.sleep(8)
    assert lab.sql("SELECT * FROM changes") == []
    assert escalations(lab) == []


def running(lab: Host) -> dict[str, str]:
    """Every service that runs, with the id of that run: it changes with each start."""
    names = lab.ok("systemctl list-units --type=service --state=running --no-legend --plain | cut -d' ' -f1").split()
    return {name: lab.show(name, "InvocationID")["InvocationID"] for name in names}


def files(lab: Host, places: str = OURS) -> set[str]:
    """Every file in those places: owner, mode and content."""
    return set(
        lab.ok(
            f"find {places} -type f -exec stat -c '%a %U:%G %n' {{}} + | sort; find {places} -type f -exec sha256sum {{}} + | sort"
        ).splitlines()
    )


def untouched(lab: Host, before: dict[str, str], *but: str) -> None:
    """What ran before runs still, and without having been restarted, except what was broken."""
    now = running(lab)
    assert {name: now.get(name) for name in before if name not in but} == {name: run for name, run in before.items() if name not in but}


def escalations(lab: Host) -> list[Row]:
    if lab.sh(f"test -s {STATE}/escalations.db").status:
        return []
    return lab.sql("SELECT * FROM escalations ORDER BY id", db="escalations")


def says(lab: Host, url: str, text: str, *options: str) -> bool:
    answer = lab.sh(f"curl -sS -m 2 -f {' '.join(options)} {url}", 5)
    return answer.status == 0 and text in answer.out


def story(lab: Host) -> str:
    """For the reader of a failed exam."""
    attempts = lab.sql("SELECT task_id, phase, proposer, verdict, rule, executed, outcome, plan FROM attempts ORDER BY id")
    return "\n".join(str(row) for row in [*lab.incidents(), *attempts, *escalations(lab)])


def healed(lab: Host, works: Callable[[], bool], root: str) -> None:
    """The user is served again, and the record says so: the root was fixed without a person, and nothing is left open."""
    try:
        lab.wait_until(works, 50, "the user is served again")
        lab.wait_until(lambda: [row for row in lab.incidents() if row["fix_successful"] == 1], 25, "a fixed incident")
        ends = ("fixed", "cleared", "dismissed", "merged")
        lab.wait_until(lambda: all(row["status"] in ends for row in lab.incidents()), 10, "no incident is left open")
    except Exception as error:
        error.add_note(story(lab))
        raise
    assert works(), story(lab)
    assert escalations(lab) == [], story(lab)
    fixed = [row for row in lab.incidents() if row["fix_successful"] == 1]
    assert any(root in f"{row['target']} {row['title']}" for row in fixed), story(lab)


def handed_over(lab: Host, about: str) -> None:
    """A person hears of it; and in the time after that nothing is tried either."""
    try:
        lab.wait_until(lambda: escalations(lab), 55, "an escalation")
        lab.wait_until(lambda: [row for row in lab.incidents() if row["status"] == "escalated"], 10, "an escalated incident")
    except Exception as error:
        error.add_note(story(lab))
        raise
    time.sleep(7)
    assert any(row["status"] == "open" and about in f"{row['title']} {row['reason']}" for row in escalations(lab)), story(lab)
    assert not [row for row in lab.incidents() if row["fix_successful"] == 1], story(lab)
    assert lab.sql("SELECT * FROM changes") == [], story(lab)


# ------------------------------------------------------------------ 1  two units: the store dies, and takes the page down with it

LEDGER_WEB = r'''#!/usr/bin/python3
"""Shows the balance that the store keeps."""
import http.server
import socket


def ask(*words):
    with socket.create_connection(("127.0.0.1", 6411), timeout=1) as store:
        store.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return store.recv(4096).split(b"\r\n")[1]


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, text = 200, b"balance " + ask(b"GET", b"balance")
        except OSError as error:
            status, text = 502, b"no store: %s" % str(error).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text + b"\n")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 7311), Page).serve_forever()
'''

LEDGER = """
[[service]]
name = "ledger-store"
unit = "ledger-store.service"
probes = [ { command = ["/usr/bin/redis-cli", "-p", "6411", "ping"], timeout_seconds = 3 }, { tcp = "127.0.0.1:6411" } ]
config_files = ["/etc/ledger/store.conf"]

[[service]]
name = "ledger-web"
unit = "ledger-web.service"
probes = [ { http = "http://127.0.0.1:7311/balance", contains = "balance", timeout_seconds = 3 } ]
depends_on = ["ledger-store"]
"""


def ledger_stand(lab: Host) -> None:
    lab.write("/srv/apps/ledger/web.py", LEDGER_WEB, 0o755)
    lab.write(
        "/etc/ledger/store.conf",
        "bind 127.0.0.1\nport 6411\ndir /var/lib/ledger\nsupervised systemd\nsave ''\nappendonly yes\nappendfsync always\n",
    )
    lab.unit(
        "ledger-store.service",
        "[Unit]\nDescription=Ledger store\n[Service]\nType=notify\nUser=redis\nStateDirectory=ledger\n"
        "ExecStart=/usr/bin/redis-server /etc/ledger/store.conf\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.unit(
        "ledger-web.service",
        "[Unit]\nDescription=Ledger page\nBindsTo=ledger-store.service\nAfter=ledger-store.service\n"
        "[Service]\nUser=daemon\nExecStart=/srv/apps/ledger/web.py\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now ledger-store ledger-web && redis-cli -p 6411 set balance 4100")
    lab.wait_until(lambda: ledger_works(lab), 10, "the ledger's page")


def ledger_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:7311/balance", "balance 4100")


def ledger_break(lab: Host) -> None:
    """The store is killed as the kernel kills who takes too much memory; systemd then stops what is bound to it."""
    lab.ok("systemctl kill --signal=KILL --kill-whom=main ledger-store")


def test_a_store_that_was_killed_comes_back_with_the_page_that_went_down_with_it(lab: Host) -> None:
    """Heals: the store is the root, the page (BindsTo=) was stopped by systemd, not by an admin; both return, with their data."""
    ledger_stand(lab)
    settled(lab, LEDGER)
    units, things = running(lab), files(lab)
    ledger_break(lab)
    healed(lab, lambda: ledger_works(lab), "ledger-store")
    untouched(lab, units, "ledger-store.service", "ledger-web.service")
    assert files(lab) == things


# ------------------------------------------------------------------------------- 2  a configuration file: accepted, and still wrong

KIOSK_SITE = """server {
    listen 127.0.0.1:8126;
    server_name kiosk.example;
    root /srv/kiosk/www;
    index hours.html;
}
"""

KIOSK = """
[[service]]
name = "kiosk"
unit = "nginx.service"
probes = [ { http = "http://127.0.0.1:8126/", status = 200, contains = "Opening hours", timeout_seconds = 3 } ]
config_files = ["/etc/nginx/conf.d/kiosk.conf", "/etc/nginx/nginx.conf"]
config_test = ["/usr/sbin/nginx", "-t", "-q"]
"""


def kiosk_stand(lab: Host) -> None:
    lab.write("/srv/kiosk/www/hours.html", "<h1>Opening hours: 9 to 5</h1>\n")
    lab.write("/etc/nginx/conf.d/kiosk.conf", KIOSK_SITE)
    time.sleep(1)
    lab.ok("systemctl enable nginx && systemctl restart nginx")
    lab.wait_until(lambda: kiosk_works(lab), 10, "the kiosk's page")


def kiosk_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:8126/", "Opening hours")


def kiosk_break(lab: Host) -> None:
    """A slip of the finger in a path, which `nginx -t` finds nothing wrong with, and a reload."""
    lab.ok("sed -i 's#/srv/kiosk/www;#/srv/kiosk/wwww;#' /etc/nginx/conf.d/kiosk.conf && nginx -t -q && systemctl reload nginx")


def test_a_change_of_configuration_that_lost_the_page_is_taken_back(lab: Host) -> None:
    """Heals: the edit is valid and loaded, but the user gets 404; the last known good file comes back and is loaded."""
    kiosk_stand(lab)
    settled(lab, KIOSK)
    units, things = running(lab), files(lab, f"{OURS} /srv/kiosk")
    kiosk_break(lab)
    healed(lab, lambda: kiosk_works(lab), "nginx")
    untouched(lab, units, "nginx.service")
    assert lab.read("/etc/nginx/conf.d/kiosk.conf") == KIOSK_SITE
    assert files(lab, f"{OURS} /srv/kiosk") == things


# ------------------------------------------------------------------------- 3  hung: active, listening, connecting, and no answer

TIDE = r'''#!/usr/bin/python3
"""tide.py PORT: says the water's level to whoever asks; one client after the other."""
import signal
import socket
import sys
import threading

books = threading.Lock()
signal.signal(signal.SIGTERM, lambda *_: leave())


def leave():
    with books:  # the books are closed in order
        raise SystemExit(0)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    client, _ = listener.accept()
    with client:
        line = client.makefile().readline().strip()
        if line == "LEVEL":
            client.sendall(b"level 142 cm\n")
        elif line == "AUDIT":
            with books:
                client.sendall(b"audit begun\n")
                books.acquire()  # the mistake: it waits for itself, for ever
'''

TIDE_ASK = """#!/bin/sh
# ask PORT: what a user does
printf 'LEVEL\\n' | /usr/bin/nc -N -w 2 127.0.0.1 "$1" | grep -q '^level'
"""

TIDES = """
[[service]]
name = "tide-north"
unit = "tide@7445.service"
probes = [ { tcp = "127.0.0.1:7445" }, { command = ["/srv/apps/tide/ask", "7445"], timeout_seconds = 4 } ]
port = 7445

[[service]]
name = "tide-south"
unit = "tide@7446.service"
probes = [ { tcp = "127.0.0.1:7446" }, { command = ["/srv/apps/tide/ask", "7446"], timeout_seconds = 4 } ]
port = 7446
"""


def tide_stand(lab: Host) -> None:
    lab.write("/srv/apps/tide/tide.py", TIDE, 0o755)
    lab.write("/srv/apps/tide/ask", TIDE_ASK, 0o755)
    lab.unit(
        "tide@.service",
        "[Unit]\nDescription=Tide gauge on %i\n[Service]\nDynamicUser=yes\nExecStart=/srv/apps/tide/tide.py %i\nTimeoutStopSec=4\n"
        "Restart=on-failure\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now tide@7445 tide@7446")
    lab.wait_until(lambda: tide_works(lab, 7445) and tide_works(lab, 7446), 10, "both gauges")


def tide_works(lab: Host, port: int) -> bool:
    return lab.sh(f"timeout 4 /srv/apps/tide/ask {port}").status == 0


def tide_break(lab: Host) -> None:
    """One request, and the gauge waits for itself; it does not even listen to SIGTERM any more."""
    assert "audit begun" in lab.sh("printf 'AUDIT\\n' | nc -w 1 127.0.0.1 7445", 5).out


def test_a_gauge_that_hangs_answers_again_and_its_twin_was_left_alone(lab: Host) -> None:
    """Heals: active and listening, but mute; restarted (its stop needs SIGKILL); the twin of the same program is not touched."""
    tide_stand(lab)
    settled(lab, TIDES)
    units, things = running(lab), files(lab)
    tide_break(lab)
    healed(lab, lambda: tide_works(lab, 7445), "7445")
    assert tide_works(lab, 7446)
    untouched(lab, units, "tide@7445.service")
    assert files(lab) == things


# ------------------------------------------------- 4  leftovers of a crash: a pid file whose number belongs to somebody else by now

BEACON = r'''#!/usr/bin/python3
"""Shines. Never twice: a pid file that names a living process keeps it from starting."""
import http.server
import os
import pathlib
import signal
import sys

PID = pathlib.Path("/var/lib/beacon/beacon.pid")

if PID.exists():
    other = int(PID.read_text())
    if pathlib.Path(f"/proc/{other}").exists():
        sys.exit(f"beacon: refusing to start: pid file {PID} says that process {other} is running already")
PID.write_text(f"{os.getpid()}\n")


def leave(*_):
    PID.unlink(missing_ok=True)
    os._exit(0)


signal.signal(signal.SIGTERM, leave)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"shining\n")

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", 7560), Page).serve_forever()
'''

COPYING = """#!/bin/bash
# Copies on and on; whoever ends it loses a night's work.
while sleep 0.5; do date +%s.%N >>/var/lib/copying/progress; done
"""

BEACONS = """
[[service]]
name = "beacon"
unit = "beacon.service"
probes = [ { http = "http://127.0.0.1:7560/", contains = "shining", timeout_seconds = 3 } ]
pid_file = "/var/lib/beacon/beacon.pid"
port = 7560
"""


def beacon_stand(lab: Host) -> None:
    lab.write("/srv/apps/beacon/beacon.py", BEACON, 0o755)
    lab.write("/srv/apps/copying/copying", COPYING, 0o755)
    lab.unit(
        "beacon.service",
        "[Unit]\nDescription=Beacon\nStartLimitIntervalSec=60\nStartLimitBurst=4\n[Service]\nUser=daemon\nStateDirectory=beacon\n"
        "ExecStart=/srv/apps/beacon/beacon.py\nRestart=on-failure\nRestartSec=300ms\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.unit(
        "copying.service",
        "[Unit]\nDescription=Nightly copying\n[Service]\nUser=daemon\nStateDirectory=copying\nExecStart=/srv/apps/copying/copying\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now beacon")
    lab.wait_until(lambda: beacon_works(lab), 10, "the beacon")
    time.sleep(1.2)  # who has the number later began after the pid file was written
    lab.ok("systemctl enable --now copying")


def beacon_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:7560/", "shining")


def beacon_break(lab: Host) -> None:
    """The beacon crashes, its file stays, and the number in it is another's. It is written there: numbers take days to come round."""
    lab.ok(
        "file=/var/lib/beacon/beacon.pid; written=$(stat -c %y $file); beacon=$(cat $file)\n"
        'systemctl show copying -p MainPID --value >$file; touch -d "$written" $file; kill -SEGV $beacon'
    )


def test_a_stale_pid_file_goes_and_the_process_that_bears_its_number_lives(lab: Host) -> None:
    """Heals: the pid file names another service's process, so it is stale; it is put aside, and nobody is killed for it."""
    beacon_stand(lab)
    settled(lab, BEACONS)
    units, things = running(lab), files(lab)
    assert "copying.service" in units
    beacon_break(lab)
    healed(lab, lambda: beacon_works(lab), "beacon")
    untouched(lab, units, "beacon.service")
    assert lab.read("/var/lib/beacon/beacon.pid").strip() == lab.show("beacon", "MainPID")["MainPID"]
    progress = lab.ok("wc -l </var/lib/copying/progress")
    time.sleep(1.5)
    assert int(lab.ok("wc -l </var/lib/copying/progress")) > int(progress)
    assert files(lab) == things


# ------------------------------------------------------------------------------ 5  no room on a disk: uploads fail, scratch is old

PHOTO = r'''#!/usr/bin/python3
"""Takes pictures. /ready tries what an upload does."""
import http.server
import os
import pathlib

STORE = pathlib.Path("/srv/photo/store")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.keep(STORE / ".trial", b"x" * 262144, trial=True)

    def do_PUT(self):
        self.keep(STORE / pathlib.Path(self.path).name, self.rfile.read(int(self.headers["Content-Length"])), trial=False)

    def keep(self, path, content, *, trial):
        try:
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            status, text = 200, "stored"
        except OSError as error:
            trial, status, text = True, 507, f"cannot store {path}: {error.strerror}"
            print(text, flush=True)
        if trial:
            path.unlink(missing_ok=True)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode() + b"\n")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 7620), Page).serve_forever()
'''

PHOTOS = """
[[service]]
name = "photo"
unit = "photo.service"
probes = [ { http = "http://127.0.0.1:7620/ready", status = 200, contains = "stored", timeout_seconds = 3 } ]
files = ["/srv/photo/store"]

[[disk]]
mount = "/srv/photo"
max_used_percent = 85

[[path]]
path = "/srv/photo/scratch"
remove_older_than = "1h"
pattern = "*.part"
"""

KEPT = "/srv/photo/store/wedding.jpg /srv/photo/scratch/arriving.part /srv/photo/scratch/albums.db /srv/negatives"


def photo_stand(lab: Host) -> None:
    lab.disk("/srv/photo", 64)
    lab.write("/srv/apps/photo/photo.py", PHOTO, 0o755)
    lab.ok(
        "mkdir -p /srv/photo/store /srv/photo/scratch /srv/negatives && cd /srv/photo\n"
        "for file in store/wedding.jpg scratch/arriving.part scratch/albums.db /srv/negatives/first.part; do\n"
        "  head -c 300000 /dev/urandom >$file; done\n"
        "ln -s /srv/negatives/first.part scratch/first.part; chown -R daemon: /srv/photo/store /srv/photo/scratch\n"
        "touch -h -d '3 days ago' store/wedding.jpg scratch/albums.db /srv/negatives/first.part scratch/first.part"
    )
    lab.unit(
        "photo.service",
        "[Unit]\nDescription=Pictures\nRequiresMountsFor=/srv/photo\n[Service]\nUser=daemon\nExecStart=/srv/apps/photo/photo.py\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now photo")
    lab.wait_until(lambda: photo_works(lab), 10, "an upload")


def photo_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:7620/cat.jpg", "stored", "-X PUT --data-binary @/srv/negatives/first.part")


def photo_break(lab: Host) -> None:
    """Abandoned uploads of this morning have taken all that is left."""
    lab.ok(
        "cd /srv/photo/scratch; n=0; while head -c 3000000 /dev/zero >left-$n.part; do n=$((n+1)); done 2>/dev/null\n"
        "touch -d '3 hours ago' left-*.part; chown daemon: left-*.part; test $n -gt 8"
    )


def test_room_is_made_of_what_may_go_and_of_nothing_else(lab: Host) -> None:
    """Heals: old *.part files in the declared folder go; what is new, of another name, or behind a link stays; no restart."""
    photo_stand(lab)
    settled(lab, PHOTOS)
    units, things = running(lab), files(lab, f"{OURS} {KEPT}")
    photo_break(lab)
    assert not photo_works(lab)
    healed(lab, lambda: photo_works(lab), "photo")
    untouched(lab, units)  # the service was never at fault: the disk is the root
    assert files(lab, f"{OURS} {KEPT}") == things
    assert int(lab.ok("df --output=pcent /srv/photo | tail -1").strip(" %\n")) <= 85


# --------------------------------------------------------------------------------------- 6  a person's: the store's file is damaged

VAULT = """
[[service]]
name = "vault"
unit = "vault.service"
probes = [ { tcp = "127.0.0.1:6499" }, { command = ["/usr/bin/redis-cli", "-p", "6499", "get", "deed-1"], timeout_seconds = 3 } ]
config_files = ["/etc/vault/vault.conf"]
"""


def vault_stand(lab: Host) -> None:
    lab.write(
        "/etc/vault/vault.conf",
        "bind 127.0.0.1\nport 6499\ndir /var/lib/vault\nsupervised systemd\nsave ''\nappendonly yes\nappendfsync always\n",
    )
    lab.unit(
        "vault.service",
        "[Unit]\nDescription=Vault of deeds\n[Service]\nType=notify\nUser=redis\nStateDirectory=vault\n"
        "ExecStartPre=+/bin/sh -c 'echo start >>/var/log/vault-starts'\nExecStart=/usr/bin/redis-server /etc/vault/vault.conf\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok(
        "systemctl enable --now vault && for n in $(seq 60); do echo set deed-$n parcel-$n; done | redis-cli -p 6499 >/dev/null\n"
        "test $(redis-cli -p 6499 get deed-1) = parcel-1"
    )


def vault_damage(lab: Host) -> None:
    """A bad block in the middle of the append-only file, which nobody notices yet."""
    lab.ok(
        "cd /var/lib/vault/appendonlydir && printf 'bad bad bad bad block' | dd of=$(ls *.incr.aof) bs=1 seek=700 conv=notrunc status=none"
    )


def vault_break(lab: Host) -> None:
    """The operator restarts it after an upgrade, and it does not come back."""
    assert lab.sh("systemctl restart vault").status != 0


def test_a_store_with_a_damaged_file_is_left_as_it_is_for_a_person(lab: Host) -> None:
    """A person's: the log names a damaged append-only file; no start, no repair, not a byte of the data is changed."""
    vault_stand(lab)
    settled(lab, VAULT)
    units = running(lab)
    vault_damage(lab)
    things = files(lab, f"{OURS} /var/lib/vault")
    vault_break(lab)
    handed_over(lab, "vault")
    assert lab.read("/var/log/vault-starts").split() == ["start", "start"]  # ours, and the operator's
    untouched(lab, units, "vault.service")
    assert files(lab, f"{OURS} /var/lib/vault") == things


# ------------------------------------------------------------------------------------- 7  a person's: the login is not accepted any more

COURIER = r'''#!/usr/bin/python3
"""Brings parcels to the hub, where it has to log in. /health tells whether the last delivery arrived."""
import http.server
import pathlib
import socket
import threading
import time

SECRET = pathlib.Path("/etc/courier/secret").read_bytes().strip()
state = {"last": "nothing brought yet"}


def deliver():
    with socket.create_connection(("127.0.0.1", 6433), timeout=1) as hub:
        hub.sendall(b"AUTH courier " + SECRET + b"\r\n")
        answer = hub.recv(4096).decode().strip()
        if answer != "+OK":
            return f"authentication as courier failed: {answer}"
        hub.sendall(b"INCR parcels\r\n")
        return "delivered" if hub.recv(4096).startswith(b":") else "not taken"


def work():
    while True:
        try:
            state["last"] = deliver()
        except OSError as error:
            state["last"] = f"cannot reach the hub: {error}"
        if state["last"] != "delivered":
            print(f"courier: {state['last']}", flush=True)
        time.sleep(1)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if state["last"] == "delivered" else 503)
        self.end_headers()
        self.wfile.write(state["last"].encode() + b"\n")

    def log_message(self, *_):
        pass


threading.Thread(target=work, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 7781), Page).serve_forever()
'''

COURIERS = """
[[service]]
name = "hub"
unit = "hub.service"
probes = [ { command = ["/usr/bin/redis-cli", "-p", "6433", "ping"], timeout_seconds = 3 } ]

[[service]]
name = "courier"
unit = "courier.service"
probes = [ { http = "http://127.0.0.1:7781/health", status = 200, contains = "delivered", timeout_seconds = 3 } ]
depends_on = ["hub"]
config_files = ["/etc/courier/secret"]
"""


def courier_stand(lab: Host) -> None:
    lab.write("/srv/apps/courier/courier.py", COURIER, 0o755)
    lab.write("/etc/courier/secret", "spring-tide\n", 0o600)
    lab.write(
        "/etc/hub/hub.conf",
        "bind 127.0.0.1\nport 6433\ndir /var/lib/hub\nsupervised systemd\nsave ''\nuser courier on >spring-tide ~* +@all\n",
    )
    lab.unit(
        "hub.service",
        "[Unit]\nDescription=Hub\n[Service]\nType=notify\nUser=redis\nStateDirectory=hub\n"
        "ExecStart=/usr/bin/redis-server /etc/hub/hub.conf\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.unit(
        "courier.service",
        "[Unit]\nDescription=Courier\nAfter=hub.service\n[Service]\nExecStart=/srv/apps/courier/courier.py\n"
        "Restart=on-failure\n[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now hub courier")
    lab.wait_until(lambda: courier_works(lab), 10, "a delivery")


def courier_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:7781/health", "delivered")


def courier_break(lab: Host) -> None:
    """Whoever keeps the hub has given the account another password; the courier was not told."""
    lab.ok("redis-cli -p 6433 acl setuser courier resetpass '>neap-tide'")


def test_a_login_that_is_refused_is_told_to_a_person_and_not_forced(lab: Host) -> None:
    """A person's: the password was changed at the hub; restarting the courier is vain, restarting the hub would undo the change."""
    courier_stand(lab)
    settled(lab, COURIERS)
    units, things = running(lab), files(lab)
    courier_break(lab)
    handed_over(lab, "courier")
    untouched(lab, units)
    assert files(lab) == things
    assert "PONG" in lab.ok("redis-cli -p 6433 --no-auth-warning --user courier --pass neap-tide ping")
    assert not courier_works(lab)


# ---------------------------------------------------------------------------------------------- 8  no fault: it is only starting

MILL = r'''#!/usr/bin/python3
"""Grinds what stands in its journal before it opens its port: a second for each line."""
import http.server
import os
import pathlib
import socket
import time

for number, line in enumerate(pathlib.Path("/var/lib/mill/journal").read_text().splitlines(), 1):
    print(f"mill: replaying {line} ({number})", flush=True)
    time.sleep(1)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"grinding\n")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 7904), Page)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
server.serve_forever()
'''

MILLS = """
[[service]]
name = "mill"
unit = "mill.service"
probes = [ { http = "http://127.0.0.1:7904/", contains = "grinding", timeout_seconds = 3 }, { tcp = "127.0.0.1:7904" } ]
port = 7904
"""


def mill_stand(lab: Host) -> None:
    lab.write("/srv/apps/mill/mill.py", MILL, 0o755)
    lab.write("/var/lib/mill/journal", "sack-1\n")
    lab.unit(
        "mill.service",
        "[Unit]\nDescription=Mill\n[Service]\nType=notify\nUser=daemon\nTimeoutStartSec=120\n"
        "ExecStartPre=+/bin/sh -c 'echo start >>/var/log/mill-starts'\nExecStart=/srv/apps/mill/mill.py\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    lab.ok("systemctl enable --now mill")
    lab.wait_until(lambda: mill_works(lab), 10, "the mill")


def mill_works(lab: Host) -> bool:
    return says(lab, "http://127.0.0.1:7904/", "grinding")


def mill_restart(lab: Host) -> None:
    """An operator restarts it with a long journal; it will be back in 25 s, by itself."""
    lab.write("/var/lib/mill/journal", "".join(f"sack-{number}\n" for number in range(25)))
    lab.ok("systemctl restart --no-block mill")


def test_a_restart_that_takes_its_time_is_left_alone(lab: Host) -> None:
    """No fault: an operator restarts a service that replays its journal for 25 s; probes fail meanwhile, and nobody does anything."""
    mill_stand(lab)
    settled(lab, MILLS)
    units, things = running(lab), files(lab)
    mill_restart(lab)
    time.sleep(15)
    assert not mill_works(lab)  # as planned: probes have failed several times by now
    lab.wait_until(lambda: mill_works(lab), 30, "the mill, by itself")
    time.sleep(7)
    assert mill_works(lab)
    assert lab.read("/var/log/mill-starts").split() == ["start", "start"], story(lab)  # ours, and the operator's
    assert lab.sql("SELECT * FROM changes") == [], story(lab)
    assert escalations(lab) == [], story(lab)
    assert not [row for row in lab.incidents() if row["status"] not in {"cleared", "dismissed", "merged"}], story(lab)
    untouched(lab, units, "mill.service")
    assert files(lab) == things
