"""What the shipped sandboxes let through: in them the daemon sees what root sees, and its secrets reach it."""

from pathlib import Path

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import secret_file
from orchestrator.model import Blind, Json
from tests.lab.acting import Here, act, split
from tests.lab.host import Host
from tests.lab.shipped import start_hands

ETC = "/etc/autonomous-orchestrator"


def looks(here: Here) -> Json:
    """What each check sees now: `check target reason`; of a blind one why it is."""
    found: Json = {}
    for name, check in all_checks().items():
        seen = check.ask(here.view, here.config)
        found[name] = seen.reason if isinstance(seen, Blind) else sorted(f"{fault.target} {fault.reason}" for fault in seen)
    return found


FAULTS = {
    "unit_failed": "systemctl start failed || true",
    "unit_inactive": "systemctl start waits; systemctl enable -q waits; systemctl kill -s TERM waits; sleep 0.3",
    "cron_ignored": "echo '* * * * * nosuchuser /bin/true' >/etc/cron.d/job; chmod 666 /etc/cron.d/job",
    "disk_full": "dd if=/dev/zero of=/srv/small/fill bs=64k 2>/dev/null || true",
    "strange_program": "install -D -m 755 /bin/sleep /tmp/.x/d; systemctl start strange",
    "service_down": "systemctl stop nothing 2>/dev/null; rm -f /var/lib/closed/pid",
    "probe_failing": "rm -f /var/lib/closed/beat",
}
CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=shop -keyout /etc/ssl/shop.key -out /etc/ssl/shop.pem 2>/dev/null"
)
UNITS = {
    "failed": "Type=oneshot\nExecStart=/bin/false",
    "waits": "ExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target",
    "strange": "ExecStart=/tmp/.x/d infinity",
    "shop": "ExecStart=/bin/sleep infinity",
}
CONFIG: Json = {
    "service": [
        {"name": "shop", "unit": "shop.service", "probes": [{"file": "/var/lib/closed/beat"}]},
        {"name": "keyed", "unit": "keyed.service", "probes": [{"command": ["/usr/bin/test", "-r", "/var/lib/closed/secret"]}]},
        {"name": "waits", "unit": "waits.service"},
        {"name": "lone", "pid_file": "/var/lib/closed/pid", "start": ["/bin/true"]},
    ],
    "disk": [{"mount": "/srv/small", "max_used_percent": 80}, {"mount": "/srv/other"}],
    "certificate": [{"file": "/etc/ssl/shop.pem"}],
    "log": [{"file": "/var/log/closed.log", "pattern": "deadlock"}],
}


@pytest.mark.timeout(240)
def test_no_check_is_blind_and_each_sees_what_root_sees(lab: Host) -> None:
    """As the daemon's user, without a capability, in its namespaces; where that is not enough, through the hands in theirs."""
    lab.disk("/srv/small", 8)
    lab.disk("/srv/other", 8)
    for name, text in UNITS.items():
        lab.write(f"/etc/systemd/system/{name}.service", f"[Service]\n{text}\n")
    lab.write("/etc/systemd/system/keyed.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    lab.ok(
        "systemctl daemon-reload; systemctl start shop keyed; install -d -m 700 /var/lib/closed; umask 077; echo x >/var/lib/closed/secret"
    )
    lab.ok(f"touch /var/log/closed.log; {CERTIFICATE}")
    start_hands(lab)
    for harm in FAULTS.values():
        lab.ok(harm)
    lab.wait_until(lambda: act(lab, looks, config=CONFIG)["probe_failing"], 60, "a service that is no beginner any more")
    as_root = act(lab, looks, config=CONFIG)
    with split():
        as_daemon = act(lab, looks, config=CONFIG)
    assert as_daemon == as_root
    assert {name for name in FAULTS if not as_root[name]} == set()
    assert [name for name, seen in as_daemon.items() if isinstance(seen, str)] == []


def secrets(here: Here) -> Json:
    del here
    return {name: Path(secret_file(f"{ETC}/{name}")).read_text(encoding="utf-8") for name in ("model.key", "mail-password")}


def absent(here: Here) -> str:
    del here
    return secret_file(f"{ETC}/notify.urls")


def test_what_is_roots_alone_is_handed_to_the_daemon(lab: Host) -> None:
    """A copy of each secret that there is; one that is not there keeps nothing from starting."""
    for name in ("model.key", "mail-password"):
        lab.write(f"{ETC}/{name}", f"secret of {name}\n", 0o600)
    with split():
        assert act(lab, secrets) == {name: f"secret of {name}\n" for name in ("model.key", "mail-password")}
        assert act(lab, absent) == f"{ETC}/notify.urls"
