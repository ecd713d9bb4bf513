"""A bad minute, as its reader gets it: fifty services are lost on a real host, and a real mail server is all that hears of it."""

import email
import email.policy
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab.host import DAEMON, STATE, Host

CROWD = 50
FIRST_WAIT, GROUP = 10, 100
"""A third of the usual 30 s and 5 min: the second mail has what the first was too early for."""
SETTINGS = f"""
[daemon]
settle_seconds = 0.3
boot_grace_seconds = 0
poll_seconds = 2
[limits]
changes_per_host_per_hour = 1000
[mail]
host = "127.0.0.1"
port = 2525
first_wait_seconds = {FIRST_WAIT}
group_seconds = {GROUP}
"""
BROKEN = "/srv/broken"
LOSES_ITS_DATA = f"exec 3<> <(:); while [[ ! -e {BROKEN} ]]; do read -rt 0.5 -u 3; done; echo the data file is corrupted >&2; exit 1"


@pytest.fixture
def host(lab: Host) -> Iterator[Host]:
    """A mail server that keeps what it takes."""
    post = f"{sys.executable} -m aiosmtpd -n -l 127.0.0.1:2525 -c aiosmtpd.handlers.Mailbox /srv/mail"
    lab.unit("post.service", f"[Service]\nExecStart={post}\n")
    lab.ok("systemctl start post")
    yield lab
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)


def mails(host: Host) -> list[EmailMessage]:
    """What arrived, the oldest first."""
    names = host.sh("ls -tr /srv/mail/new").out.split()
    return [email.message_from_string(host.read(f"/srv/mail/new/{name}"), policy=email.policy.default) for name in names]


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part
    return str(part.get_content())


def untold(host: Host) -> int:
    """What is still to be told."""
    return int(host.sql("SELECT COUNT(*) AS n FROM v_mails WHERE status NOT IN ('sent', 'not sent')", db="escalations")[0]["n"])


@pytest.mark.timeout(600)
def test_fifty_lost_services_are_two_mails_and_each_stays_in_its_thread(host: Host) -> None:
    """Every one is named, with its number; that all are well again is told to the same threads."""
    names = [f"box-{number:02}.service" for number in range(CROWD)]
    for name in names:
        host.write(
            f"/etc/systemd/system/{name}", f"[Service]\nExecStart=/bin/bash -c '{LOSES_ITS_DATA}'\n[Install]\nWantedBy=multi-user.target\n"
        )
    host.ok(f"systemctl daemon-reload && systemctl enable --now {' '.join(names)}", timeout=120)
    declared = "".join(f'[[service]]\nname = "{name}"\nunit = "{name}"\n' for name in names)
    host.start_daemon(SETTINGS + declared)
    host.ok(f"touch {BROKEN}")

    count = "SELECT COUNT(*) AS n FROM escalations WHERE status = 'open'"
    host.wait_until(lambda: host.sql(count, db="escalations") == [{"n": CROWD}], 120, "fifty escalations")
    host.wait_until(lambda: not untold(host), FIRST_WAIT + GROUP + 60, "all of them told")
    first = mails(host)
    assert len(first) <= 2
    rows = host.sql("SELECT id, title FROM escalations", db="escalations")
    told = {
        row["id"]: [mail for mail in first if f"#{row['id']} HIGH {row['title']}" in text(mail).partition("ALSO OPEN")[0]] for row in rows
    }
    assert {len(found) for found in told.values()} == {1}
    assert {row["title"].partition(" ")[0] for row in rows} == set(names)

    host.ok(f"rm {BROKEN} && systemctl reset-failed && systemctl start {' '.join(names)}", timeout=120)
    host.wait_until(lambda: host.sql(count, db="escalations") == [{"n": 0}], 150, "all of them over")
    host.wait_until(lambda: not untold(host), GROUP + 60, "that told, too")
    later = mails(host)[len(first) :]
    assert 1 <= len(later) <= 2
    for mail in later:
        for number in mail["X-Orchestrator-Escalation"].split(", "):
            assert told[int(number)][0]["Message-ID"] in mail["References"].split()
    assert host.sql("SELECT DISTINCT status FROM v_mails", db="escalations") == [{"status": "sent"}]
    assert host.ok(f"sqlite3 {STATE}/escalations.db", given="PRAGMA integrity_check").strip() == "ok"
