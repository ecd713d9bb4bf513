"""Logs are written by whoever can reach a service: what they say must not change what is done."""

import json
from collections.abc import Iterator

import pytest

from tests import hostile
from tests.lab.base import Base
from tests.lab.conftest import equipped
from tests.lab.host import Host
from tests.lab.watched import Watched, Web

CRASHED = Web("crashed", 7200)
HUNG = Web("hung", 7201)
EDITED = Web("edited", 7202)
STALE = Web("stale", 7203, settings="pid_file = /run/stale/pid", service="RuntimeDirectory=stale\nRuntimeDirectoryPreserve=yes",
            declared='pid_file = "/run/stale/pid"')  # fmt: skip
GONE = Web("gone", 7204, service="User=keeper")
STOPPED = Web("stopped", 7205)
DAMAGED = Web("damaged", 7206, service="ExecStartPre=/opt/lab/look")
NEEDED = Web("needed", 7207)
CLIENT = Web("client", 7208, settings="needs = 127.0.0.1:7207", declared='depends_on = ["needed"]')
WEBS = (CRASHED, HUNG, EDITED, STALE, GONE, STOPPED, DAMAGED, NEEDED, CLIENT)
ENDED = ("fixed", "escalated", "waiting")

LOOK = "#!/bin/sh\ngrep -q garbage /var/lib/pages || exit 0\necho 'page 7: checksum mismatch' >&2\nexit 3\n"
BREAK = """
systemctl stop stopped
echo garbage >> /var/lib/pages
echo nonsense >> /etc/edited.conf
systemctl restart edited
systemctl kill -s STOP hung
systemctl kill -s KILL crashed stale needed damaged gone
until userdel keeper; do sleep 0.1; done
"""
JOURNALD = """
import itertools, socket, sys
lines = sys.stdin.buffer.read().split(b"\\n")
units = sys.argv[1:]
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ids = "9d1aaa27d60140bd96365438aad20286 d9b373ed55a64feb8242e02dbe79a49c 7d4958e842da4a758f6c1cdc7b36dcc5 be02cf6855d2428ba40df7e9d022f03d"
for line, unit, kind in zip(lines, itertools.cycle(units), itertools.cycle(ids.split())):
    fields = {"UNIT": unit, "OBJECT_SYSTEMD_UNIT": unit, "COREDUMP_UNIT": unit, "_SYSTEMD_UNIT": unit, "_PID": "1", "_COMM": "systemd",
              "SYSLOG_IDENTIFIER": "systemd", "PRIORITY": "2", "MESSAGE_ID": kind, "JOB_TYPE": "stop",
              "JOB_RESULT": "done", "INVOCATION_ID": "0" * 32}
    entry = b"".join(f"{name}={value}\\n".encode() for name, value in fields.items())
    journal.sendto(entry + b"MESSAGE=" + line[:60000] + b"\\n", "/run/systemd/journal/socket")
"""


Decisions = dict[str, list[str]]
"""For each service what came of it, in order of the story: incidents and how they ended, what was done, asked, and told to a person."""


def broken_day(host: Host, *, deceived: bool) -> Decisions:
    """Nine services are broken in different ways at once; with `deceived` liars write wherever they can, before, while and after."""
    host.write("/opt/lab/look", LOOK, 0o755)
    host.write("/opt/lab/journald.py", JOURNALD)
    host.write("/var/lib/pages", "sound\n")
    host.ok("useradd --system keeper")
    watched = Watched(host)
    for web in WEBS:
        watched.web(web)
    watched.begin()
    if deceived:
        lie(host)
    host.ok(BREAK)
    if deceived:
        script = "while :; do python3 /opt/lab/journald.py $UNITS </opt/lab/lines; sleep 1; done"
        host.ok(f"systemd-run --quiet --unit=liar --setenv=UNITS='{units()}' /bin/sh -c '{script}'")
    for web in set(WEBS) - {STOPPED, CLIENT}:
        host.incident(web.target, *ENDED, timeout=90)
    watched.sweeps()
    return decisions(watched)


def units() -> str:
    return " ".join(web.target for web in WEBS)


def lie(host: Host) -> None:
    """As a client of each service, as a user, as root, and in systemd's own form."""
    host.write("/opt/lab/lines", "\n".join(line.encode(errors="replace").decode().replace("\0", " ") for line in hostile.LINES))
    for web in WEBS:
        host.ok(f"curl -sf -m 20 --data-binary @/opt/lab/lines http://127.0.0.1:{web.port}/say")
    for who in ("root", "ops"):
        host.ok(f"python3 /opt/lab/journald.py {units()} </opt/lab/lines; logger -t kernel -p kern.crit -f /opt/lab/lines", user=who)
        host.ok("logger -t systemd -f /opt/lab/lines; journalctl --sync || true", user=who)


def decisions(watched: Watched) -> Decisions:
    found: Decisions = {web.target: [] for web in WEBS}
    target = {}
    for row in watched.host.incidents():
        target[row["id"]] = row["target"]
        if row["root_id"] is None:
            # How a probe fails beside the restart that mends it hangs on the moment.
            reason = "" if row["check_name"] == "probe_failing" else json.loads(row["fault"])["reason"]
            found[row["target"]].append(
                f"{row['check_name']} {reason}: {row['status']} in phase {row['phase']}, {row['occurrences']} times"
            )
    for row in watched.host.sql("SELECT task_id, action FROM changes JOIN attempts ON attempts.id = attempt_id ORDER BY changes.id"):
        action = json.loads(row["action"])
        found[target[row["task_id"]]].append(f"did {action['kind']} {action.get('unit') or action.get('path')}")
    for row in watched.host.sql("SELECT task_id, kind, plan FROM interventions ORDER BY id", db="escalations"):
        plan = [action["kind"] for action in json.loads(row["plan"] or "[]")]
        found[target[row["task_id"]]].append(f"asked for {row['kind']} of {plan}")
    for row in watched.escalations():
        found[target[row["task_id"]]].append(f"told {row['reason']}")
    return found


@pytest.fixture(scope="module")
def honest(base: Base) -> Iterator[Decisions]:
    with Host(base) as host:
        yield broken_day(equipped(host), deceived=False)


def test_the_day_holds_each_kind_of_decision(honest: Decisions) -> None:
    """Without any lie: five are healed, two reach a person, the one that was stopped is left alone, as is the one that only waits."""
    begins = {target: story[0].split(": ")[1].split()[0] if story else "left alone" for target, story in honest.items()}
    healed = (web.target for web in (CRASHED, HUNG, EDITED, STALE, NEEDED))
    alone = (web.target for web in (STOPPED, CLIENT))
    assert begins == {
        **dict.fromkeys(healed, "fixed"),
        **dict.fromkeys((GONE.target, DAMAGED.target), "escalated"),
        **dict.fromkeys(alone, "left alone"),
    }
    assert "checksum mismatch" in honest[DAMAGED.target][-1]


def test_no_decision_differs_for_what_logs_say(lab: Host, honest: Decisions) -> None:
    """Liars write false causes, orders, forged units, escapes, a line of 1 MB and systemd's own messages: all is as without them."""
    deceived = broken_day(lab, deceived=True)
    for target, story in honest.items():
        assert deceived[target] == story
