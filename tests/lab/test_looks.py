"""What the shipped brain sees of a service whose files, tests and databases are closed to it: as much as root, through the hands."""

import re
import time
from typing import Any

import pytest

from orchestrator.actions.units import against_start, config_test
from orchestrator.checks.cron_ignored import problems_of
from orchestrator.checks.probe_failing import ask
from orchestrator.host import databases
from orchestrator.host.names import addresses_of
from orchestrator.host.obstacles import obstacles
from orchestrator.knowledge.evidence import gather
from orchestrator.model import Case, Fault, Incident, Scope
from tests.lab.acting import Here, act, split
from tests.lab.host import Host

pytestmark = pytest.mark.timeout(240)

CONFIG: dict[str, Any] = {
    "service": [
        {
            "name": "shop",
            "unit": "shop.service",
            "config_files": ["/etc/shop/shop.conf"],
            "files": ["/var/lib/shop"],
            "config_test": ["/usr/local/bin/shop-test", "/etc/shop/shop.conf"],
            "probes": [{"command": ["/usr/local/bin/shop-test", "/etc/shop/shop.conf"]}, {"file": "/var/lib/shop/beat"}],
            "user": "shop",
        }
    ],
    "path": [{"path": "/var/lib/shop/cache", "remove_older_than": "1d", "pattern": "*.tmp"}],
}
UNIT = """[Service]
User=shop
WorkingDirectory=/var/lib/shop
EnvironmentFile=/etc/shop/env
ExecStart=/bin/sleep infinity
"""
TEST = "#!/bin/sh\nid -un\nHOME=$HOME\ngrep -q '^port' $1 || { echo \"no port in $1\"; exit 3; }\n"


# ---- called inside the host, as root and as the brain ----


def seen(here: Here) -> dict[str, Any]:
    """All that there is to see of a service that is closed to everybody else."""
    view, config = here.view, here.config
    unit, service = view.units.get("shop.service"), config.service[0]
    test = config_test(view, config, unit)
    assert test
    return {
        "test": [test.ok, test.blind, "" if test.blind else test.detail],
        "probes": [[one.ok, one.blind, one.failure] for one in ask(view, service)],
        "start": against_start(view, config, unit),
        "obstacles": [one.told for one in obstacles(view, unit)],
        "databases": [[file, bool(wrong)] for file, wrong in databases.troubles(view, "shop.service", service)],
        "names": bool(addresses_of(view, "localhost", "shop")),
        "old": view.files.holds_old("/var/lib/shop/cache", "*.tmp", 86_400),
        "cron": list(problems_of(view, "/var/spool/cron/crontabs/shop")),
        "environment": view.files.look("/etc/shop/env") is not None,
        "good": list(view.known_good.paths()),
        "room": [[one.path, one.size, one.files] for one in view.mounts.takes_room("/srv/data").largest],
        "writable": not view.mounts.of_path("/").read_only,
    }


def facts(here: Here) -> dict[str, str]:
    fault = Fault(check="probe_failing", target="shop.service", reason="CommandFailed", message="it fails")
    case = Case(incident=Incident(id=1, fault=fault, detected_at=time.time()), scope=Scope(target="shop.service", service="shop"))
    found = gather(here.view, here.config, case, early_only=True, deadline=time.monotonic() + 60)
    return {name: re.sub(r"\d+ s before", "", value) for one in found for name, value in one.facts.items()}


def run(here: Here, argv: list[str], user: str = "") -> str:
    try:
        return str(here.view.rights.ask("command", argv=argv, user=user))
    except Exception as error:  # noqa: BLE001  # all of it is the answer
        return f"{type(error).__name__}: {error}"


# ---- outside ----


@pytest.fixture
def shop(lab: Host) -> Host:
    lab.disk("/srv/data", 16)
    lab.ok("mkdir /srv/data/shop && head -c 1M /dev/zero >/srv/data/shop/big && chmod 0700 /srv/data/shop")
    lab.ok("useradd -r -d /var/lib/shop shop && install -d -m 0700 -o shop /var/lib/shop /var/lib/shop/cache")
    lab.ok("install -d -m 0750 -g shop /etc/shop && touch -d '3 days ago' /var/lib/shop/cache/a.tmp && touch /var/lib/shop/beat")
    lab.write("/etc/shop/shop.conf", "port = 80\n", 0o640)
    lab.write("/etc/shop/env", "PASSWORD=hunter2\n", 0o600)
    lab.write("/usr/local/bin/shop-test", TEST, 0o755)
    lab.ok("sqlite3 /var/lib/shop/shop.db 'create table t(v); insert into t values(1)'")
    lab.ok("chgrp shop /etc/shop/shop.conf && chown shop /var/lib/shop/*")
    lab.write("/var/spool/cron/crontabs/shop", "* * * * * /none\n", 0o600)
    lab.ok("chown shop /var/spool/cron/crontabs/shop; chmod 1730 /var/spool/cron/crontabs")
    lab.unit("shop.service", UNIT)
    lab.ok("systemctl start shop.service")
    return lab


def test_the_brain_sees_what_root_sees(shop: Host) -> None:
    """Whole and broken: the test as the service's own user, its probes, files, database, crontab, names and room."""
    as_root = act(shop, seen, config=CONFIG)
    with split():
        as_brain = act(shop, seen, config=CONFIG)
    assert as_brain == as_root
    assert as_root["test"] == [True, False, ""]
    assert as_root["databases"] == [["/var/lib/shop/shop.db", False]]
    assert as_root["old"]
    shop.ok("echo nothing >/etc/shop/shop.conf; systemctl stop shop; chmod 0700 /usr/local/bin/shop-test; chown root /var/lib/shop")
    shop.ok("systemctl restart autonomous-orchestrator-hands")  # what they have just found out they tell again for some seconds
    as_root = act(shop, seen, config=CONFIG)
    with split():
        as_brain = act(shop, seen, config=CONFIG)
    assert as_brain == as_root
    assert as_root["test"] == [False, True, ""]
    assert as_root["obstacles"]


def test_the_brain_gathers_the_same_facts(shop: Host) -> None:
    """Nothing is blind, and nothing says otherwise than as root."""
    as_root = act(shop, facts, config=CONFIG)
    with split():
        as_brain = act(shop, facts, config=CONFIG)
    assert as_brain == as_root
    assert not [name for name in as_brain if name.startswith(("blind.", "unread."))]


def test_the_hands_run_no_other_command(shop: Host) -> None:
    """Neither other words nor another user, and what they run leaves a line of its own in the journal and no more."""
    declared = CONFIG["service"][0]["config_test"]
    with split():
        assert "'exit': 0" in act(shop, run, argv=declared, user="shop", config=CONFIG)
        for argv, user in ((declared, ""), (declared, "root"), ([*declared, "x"], "shop"), (["/bin/sh", "-c", "id"], "shop")):
            assert "is no test or probe" in act(shop, run, argv=argv, user=user, config=CONFIG)
    told = shop.ok("journalctl --no-pager -o cat _PID=1 | grep -c autonomous-orchestrator-run- || true").strip()
    assert told == "0"
