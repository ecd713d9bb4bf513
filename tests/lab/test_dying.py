"""When the daemon itself dies: a person hears of it, and not from Python."""

import email
import email.policy
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab.host import DAEMON, Host
from tests.lab.shipped import HANDS_SOCKET, HANDS_UNIT, put

MAIL = """[mail]
host = "127.0.0.1"
port = 2525
from = "healer@lab.example"
to = [
  "ann@lab.example", # on call
  'bob@lab.example',
]
"""
PROGRAM = "#!/bin/sh\necho '$(reboot) `reboot`'\necho .\necho the program is broken\nexit 3\n"
BROKEN = "[Service]\nType=exec\nExecStart=\nExecStart=/opt/broken\nRestartSec=100ms\n"


@pytest.fixture
def host(lab: Host) -> Iterator[Host]:
    """A mail server that keeps what it takes."""
    post = f"{sys.executable} -m aiosmtpd -n -l 127.0.0.1:2525 -c aiosmtpd.handlers.Mailbox /srv/mail"
    lab.unit("post.service", f"[Service]\nExecStart={post}\n")
    lab.ok("systemctl start post")
    lab.ok("until (exec 3<>/dev/tcp/127.0.0.1/2525) 2>/dev/null; do sleep 0.05; done", 20)
    yield lab
    sys.stdout.write(lab.sh("journalctl --no-pager -o short-precise -u 'autonomous-orchestrator*'").out)


def mails(host: Host) -> list[EmailMessage]:
    """What arrived, the oldest first."""
    names = host.sh("ls -tr /srv/mail/new").out.split()
    return [email.message_from_string(host.read(f"/srv/mail/new/{name}"), policy=email.policy.default) for name in names]


def told(host: Host, count: int = 1) -> EmailMessage:
    """The newest of so many."""
    host.wait_until(lambda: len(mails(host)) >= count, 60, f"{count} mail(s)")
    found = mails(host)
    assert len(found) == count
    return found[-1]


def break_it(host: Host, unit: str = DAEMON) -> None:
    """Its program says what nobody should obey, and ends with 3."""
    host.write("/opt/broken", PROGRAM, 0o755)
    host.write(f"/etc/systemd/system/{unit}.d/z-broken.conf", BROKEN)
    host.ok("systemctl daemon-reload")


def started_again(host: Host) -> int:
    """How often systemd did; -1 while it does."""
    shown = host.show(DAEMON, "NRestarts", "ActiveState")
    return int(shown["NRestarts"]) if shown["ActiveState"] == "active" else -1


@pytest.mark.parametrize("without", ["", "curl"])
def test_a_crash_loop_is_told_once_and_still_retried(host: Host, without: str) -> None:
    """To all of [mail] to, by curl or by bash alone, with the last lines as they were said; systemd goes on starting it."""
    host.start_daemon(MAIL)
    if without:
        host.ok(f"rm $(command -v {without})")
    break_it(host)
    host.sh(f"systemctl restart {DAEMON}")
    mail = told(host)
    assert (mail["From"], mail["To"]) == ("healer@lab.example", "ann@lab.example, bob@lab.example")
    assert mail["X-RcptTo"] == "ann@lab.example, bob@lab.example"
    assert mail["Subject"] == f"[lab] DOWN: {DAEMON} died 3 times within ten minutes, and systemd goes on starting it"
    text = mail.get_content()
    assert "It ended with: exit-code, status 3." in text
    assert "$(reboot) `reboot`" in text
    assert "the program is broken" in text
    starts = int(host.show(DAEMON, "NRestarts")["NRestarts"])
    host.wait_until(lambda: int(host.show(DAEMON, "NRestarts")["NRestarts"]) > starts + 3, 30, "more starts")
    assert len(mails(host)) == 1
    host.ok(f"rm /etc/systemd/system/{DAEMON}.d/z-broken.conf && systemctl daemon-reload")
    host.wait_until(lambda: host.show(DAEMON, "ActiveState")["ActiveState"] == "active", 30, "the daemon")


def test_what_somebody_stopped_after_its_death_is_his_to_know(host: Host) -> None:
    """It would have been started again."""
    host.start_daemon(MAIL)
    host.ok(f"systemctl kill -s KILL --kill-who=main {DAEMON}; systemctl stop {DAEMON}")
    host.wait_until(lambda: "was stopped by hand" in host.journal("autonomous-orchestrator-failed@*"), 20, "a word in the journal")
    assert mails(host) == []


def test_what_stays_down_is_told(host: Host) -> None:
    """A configuration that cannot be used: starting again would change nothing."""
    host.start_daemon(MAIL)
    host.write("/etc/autonomous-orchestrator/conf.d/typo.toml", "[daemon]\npol_seconds = 3\n")
    host.sh(f"systemctl restart {DAEMON}")
    mail = told(host)
    assert mail["Subject"] == f"[lab] DOWN: {DAEMON} is down and stays down"
    assert "status 78" in mail.get_content()
    assert "unknown key" in mail.get_content()
    host.sh(f"systemctl restart {DAEMON}")
    host.wait_until(lambda: "was told within the hour" in host.journal("autonomous-orchestrator-failed@*"), 20, "the second death")
    assert len(mails(host)) == 1


def test_a_stop_is_no_death(host: Host) -> None:
    """Nor is a kill that systemd has mended; three within ten minutes are."""
    host.start_daemon(MAIL)
    for _ in range(4):
        host.ok(f"systemctl restart {DAEMON}")
    host.write(f"/etc/systemd/system/{DAEMON}.d/z-soon.conf", "[Service]\nRestartSec=100ms\n")
    host.ok("systemctl daemon-reload")
    for number in range(3):
        assert mails(host) == []
        host.ok(f"systemctl kill -s KILL --kill-who=main {DAEMON}")
        host.wait_until(lambda: started_again(host) > number, 30, f"start {number + 1}")  # noqa: B023
    assert "It ended with: signal, status KILL." in told(host).get_content()


def test_the_hands_are_told_of_too(host: Host) -> None:
    """With what it means; and the next request starts them again."""
    host.start_daemon(MAIL)
    put(host, HANDS_SOCKET)
    put(host, HANDS_UNIT)
    break_it(host, HANDS_UNIT)
    host.ok(f"systemctl start --no-block {HANDS_UNIT}")
    mail = told(host)
    assert mail["Subject"].startswith(f"[lab] DOWN: {HANDS_UNIT} died 3 times")
    assert "next to nothing is repaired" in mail.get_content()


def test_without_its_server_the_hosts_sendmail_takes_it(host: Host) -> None:
    """And without either the journal has it."""
    host.ok("systemctl stop post")
    host.start_daemon(MAIL)
    host.write("/usr/local/sbin/sendmail", '#!/bin/sh\n{ echo "$@"; cat; } >/srv/sent\n', 0o755)
    host.ok("systemctl start autonomous-orchestrator-failed@autonomous-orchestrator")
    sent = host.read("/srv/sent")
    assert sent.startswith("-i -f healer@lab.example -- ann@lab.example bob@lab.example\nFrom: healer@lab.example\n")
    host.ok("rm /usr/local/sbin/sendmail /run/autonomous-orchestrator-failed/*")
    assert host.sh("systemctl start autonomous-orchestrator-failed@autonomous-orchestrator").status != 0
    assert "no mail can be sent" in host.journal("autonomous-orchestrator-failed@*")
