"""The outbox against a real mail server: nothing is lost, and nothing is told twice as if it were new."""

import os
import re
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from escalation import Delivered, Desk
from escalation.outbox import LAST_RETRY_SECONDS, LEASE_SECONDS, SUMMARY_FROM
from orchestrator.config import Mail
from orchestrator.model import Minute, utc
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident
from tests.store.made import a_proposal

NOW = time.time() + 86_400
"""Later than anything that a test queues."""


def outbox(desk: Desk) -> list[dict[str, Any]]:
    return desk.ledger.rows("SELECT * FROM outbox ORDER BY id")


def test_a_problem_is_told_in_one_mail(desk: Desk, postman: Postman) -> None:
    """State first, then what it is; the story, the plan, the votes, and the commands to act with."""
    proposal = a_proposal()
    desk.minutes(1, [Minute(expert="safety", stance="propose", reasoning="the disk is fine", confidence=0.8)])
    desk.escalate(an_incident(), "high risk", body="WHAT WAS SEEN\nit is gone", kind="approval", proposal=proposal, expires_at=NOW + 900)
    assert desk.deliver(NOW) == Delivered(sent=1, failed=0, waiting=0)
    (message,) = postman.taken
    assert message["Subject"] == "[web1] OPEN #1 HIGH web.service failed"
    assert (message["From"], message["To"]) == ("heal@web1", "ops@example.org")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "autonomous-orchestrator <escalations.web1>"
    assert message["References"] is None
    (text,) = postman.texts()
    assert text.startswith("OPEN: high risk\n")
    for said in (
        "WHAT WAS SEEN",
        "systemctl start web.service",
        "risk low; can be undone",
        a_proposal().hash,
        "safety",
        "the disk is fine",
    ):
        assert said in text
    for command in ("show 1", "approve 1", "reject 1", "ack 1", "resolve 1"):
        assert f"orchestrator escalations {command}" in text
    assert desk.deliver(NOW) == Delivered()


def test_mails_of_one_incident_are_one_thread(desk: Desk, postman: Postman) -> None:
    """The first mail is the root of all that follow, to the recovery, and names stay fixed in the subjects."""
    desk.escalate(an_incident(), "first", body="")
    desk.deliver(NOW)
    desk.escalate(an_incident(), "second", body="")
    desk.escalate(an_incident(), "asks", body="", kind="approval", proposal=a_proposal(), expires_at=NOW - 10)
    desk.expire(NOW)
    desk.went_away(1, "healed: started it")
    desk.deliver(NOW)
    subjects = [message["Subject"] for message in postman.taken]
    assert subjects[0] == "[web1] OPEN #1 HIGH web.service failed"
    assert re.fullmatch(r"\[web1\] RESOLVED #1 HIGH web\.service failed \(after [0-9.]+ s\)", subjects[1])
    first, recovery = postman.taken
    assert recovery["References"] == recovery["In-Reply-To"] == first["Message-ID"]
    assert recovery["Message-ID"] != first["Message-ID"]
    assert postman.texts()[1].startswith("RESOLVED: healed: started it\n")
    assert {row["status"] for row in outbox(desk)} == {"sent", "not sent"}


def test_each_kind_of_mail_says_its_state_first(desk: Desk, postman: Postman) -> None:
    """Open, asks, update, expired: told by the subject alone."""
    desk.escalate(an_incident(), "first", body="")
    desk.escalate(an_incident(), "first", body="", kind="approval", proposal=a_proposal(), expires_at=NOW - 10)
    desk.escalate(an_incident(), "worse", body="")
    desk.expire(NOW)
    desk.deliver(NOW)
    assert [message["Subject"].split()[1] for message in postman.taken] == ["OPEN", "ASKS", "UPDATE", "EXPIRED"]


def test_a_dead_server_loses_nothing(desk: Desk, server: MailServer, postman: Postman) -> None:
    """Back-off doubles from a minute to an hour; when the server is back the mail goes, with the id that it always had."""
    server.stop()
    desk.escalate(an_incident(), "nothing left", body="")
    at, waits = NOW, []
    for _ in range(8):
        assert desk.deliver(at) == Delivered(failed=1, waiting=1)
        assert desk.deliver(at + 59) == Delivered(waiting=1)
        (row,) = desk.ledger.rows("SELECT (julianday(next_at) - julianday(?)) * 86400 AS wait FROM outbox", (utc(at),))
        waits.append(round(row["wait"]))
        at += row["wait"] + 0.01
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, LAST_RETRY_SECONDS]
    assert "refused" in outbox(desk)[0]["last_error"].lower()
    server.start()
    assert desk.deliver(at) == Delivered(sent=1)
    assert postman.taken[0]["Message-ID"] == outbox(desk)[0]["message_id"]


@pytest.mark.parametrize("verdict", ["451 try later", "550 looks like spam"])
def test_a_mail_that_is_refused_is_kept(desk: Desk, postman: Postman, verdict: str) -> None:
    """Whatever the server says against it, the mail waits, with the server's word, and goes when it may."""
    desk.escalate(an_incident(), "nothing left", body="")
    postman.verdict = verdict
    assert desk.deliver(NOW) == Delivered(failed=1, waiting=1)
    assert verdict.split(" ", 1)[1] in outbox(desk)[0]["last_error"]
    postman.verdict = "250 OK"
    assert desk.deliver(NOW + 61) == Delivered(sent=1)


def test_one_refused_mail_does_not_hold_up_the_others(desk: Desk, postman: Postman) -> None:
    """Each mail fares for itself within one session."""
    for number in (1, 2, 3):
        desk.escalate(an_incident(number), "nothing left", body="")
    verdicts = iter(["250 OK", "554 no", "250 OK"])

    def next_verdict() -> None:
        postman.verdict = next(verdicts)

    postman.on_mail = next_verdict
    assert desk.deliver(NOW) == Delivered(sent=2, failed=1, waiting=1)
    assert [row["status"] for row in outbox(desk)] == ["sent", "waiting", "sent"]


def test_a_kill_between_server_and_disk_repeats_the_same_mail(state_dir: Path, server: MailServer, postman: Postman) -> None:
    """Killed after the server took it: it comes again with the same Message-ID, which makes it the same mail; never a new one."""
    with Desk(state_dir, server.mail(), "web1") as desk:
        desk.escalate(an_incident(), "nothing left", body="")
    child = os.fork()
    if child == 0:
        doomed = Desk(state_dir, server.mail(), "web1")
        doomed.outbox._sent = lambda *_row: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        doomed.deliver(NOW)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(postman.taken) == 1
    with Desk(state_dir, server.mail(), "web1") as desk:
        assert desk.deliver(NOW + 1) == Delivered(waiting=1)
        assert desk.deliver(NOW + LEASE_SECONDS + 1) == Delivered(sent=1)
    first, second = postman.taken
    assert first["Message-ID"] == second["Message-ID"]


def test_a_recovery_is_told_only_if_the_problem_was(desk: Desk, server: MailServer, postman: Postman) -> None:
    """Nobody gets an all-clear for what nobody was told of; nor, later, the problem that is over."""
    server.stop()
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    desk.went_away(1, "it went away by itself")
    server.start()
    assert desk.deliver(NOW + 4000) == Delivered()
    assert postman.taken == []


def test_a_problem_that_goes_away_while_its_mail_is_on_the_way_is_followed_up(desk: Desk, postman: Postman) -> None:
    """A mail that may have gone out counts as told: its recovery follows."""
    desk.escalate(an_incident(), "nothing left", body="")
    postman.on_mail = lambda: desk.went_away(1, "healed") if desk.open_for(1) else None
    assert desk.deliver(NOW) == Delivered(sent=1, waiting=1)
    assert desk.deliver(NOW) == Delivered(sent=1)
    assert [message["Subject"].split()[1] for message in postman.taken] == ["OPEN", "RESOLVED"]


def test_a_mail_that_failed_on_the_way_is_dropped_with_its_resolved_problem(desk: Desk, postman: Postman) -> None:
    """Over before the server took it: neither the problem nor its recovery is told, and the row says why."""
    desk.escalate(an_incident(), "nothing left", body="")
    postman.verdict = "451 busy"
    postman.on_mail = lambda: desk.went_away(1, "healed") if desk.open_for(1) else None
    assert desk.deliver(NOW).failed == 1
    postman.verdict = "250 OK"
    assert desk.deliver(NOW + 4000) == Delivered()
    assert postman.taken == []
    assert [(row["kind"], row["status"]) for row in outbox(desk)] == [("problem", "not sent"), ("recovery", "not sent")]


def test_many_mails_due_together_go_as_one(desk: Desk, server: MailServer, postman: Postman) -> None:
    """After a long outage of the server one summary names them all; it is sent once, and recoveries still follow."""
    server.stop()
    for number in range(1, SUMMARY_FROM + 1):
        desk.escalate(an_incident(number, f"u{number} failed"), "nothing left", body="")
    desk.deliver(NOW)
    server.start()
    assert desk.deliver(NOW + 61) == Delivered(sent=1)
    (message,) = postman.taken
    assert message["Subject"] == f"[web1] {SUMMARY_FROM} mails in one"
    for number in range(1, SUMMARY_FROM + 1):
        assert f"OPEN #{number} HIGH u{number} failed" in postman.texts()[0]
    assert {row["status"] for row in outbox(desk)} == {"summed", "sent"}
    desk.went_away(1, "healed")
    assert desk.deliver(NOW + 62) == Delivered(sent=1)


def test_a_snoozed_escalation_is_silent_but_for_its_end(desk: Desk, postman: Postman) -> None:
    """Snoozing holds reminders and notes back until it ends; that the problem is over is told at once."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    desk.snooze(1, NOW + 600, "eve")
    desk.escalate(an_incident(), "still nothing", body="")
    assert desk.deliver(NOW + 599) == Delivered(waiting=1)
    assert desk.deliver(NOW + 601) == Delivered(sent=1)
    desk.snooze(1, NOW + 6000, "eve")
    desk.went_away(1, "healed")
    assert desk.deliver(NOW + 602) == Delivered(sent=1)
    assert [message["Subject"].split()[1] for message in postman.taken] == ["OPEN", "UPDATE", "RESOLVED"]


def test_mail_that_is_off_is_written_down_as_not_sent(state_dir: Path) -> None:
    """Without mail the desk works the same, and the row says why nothing went out."""
    with Desk(state_dir, Mail(enabled=False), "web1") as desk:
        desk.escalate(an_incident(), "nothing left", body="")
        assert desk.deliver(NOW) == Delivered()
        assert [(row["status"], row["last_error"]) for row in outbox(desk)] == [("not sent", "mail is off in the configuration")]


def test_hostile_names_never_make_a_header(desk: Desk, postman: Postman) -> None:
    """Line ends, escape codes and endless text in a fault's message end as one bounded subject line."""
    hostile = "x\r\nBcc: all@example.org\r\n\r\nbody\x1b[31m\u202e" + "y" * 5000
    desk.escalate(an_incident(message=hostile), "a\r\nSubject: b\x00\x07", body="\x1b]0;title\x07" + "z" * 200_000)
    assert desk.deliver(NOW) == Delivered(sent=1)
    (message,) = postman.taken
    assert message["Bcc"] is None
    assert len(message.get_all("Subject") or []) == 1
    assert message["Subject"].startswith("[web1] OPEN #1 HIGH x Bcc: all@example.org body")
    assert len(message["Subject"]) <= 200
    (text,) = postman.texts()
    assert len(text) < 70_000
    assert not set(text) & {"\x1b", "\x00", "\x07", "\u202e"}


def test_words_of_every_language_arrive(desk: Desk, postman: Postman) -> None:
    """Text beyond ASCII goes through header and body."""
    desk.escalate(an_incident(message="дисκ 磁盘 full ☠"), "Grüße", body="ünï\n" + "長い" * 3000)
    desk.deliver(NOW)
    assert "дисκ 磁盘 full ☠" in postman.taken[0]["Subject"]
    assert "長い" * 3000 in postman.texts()[0]


def test_a_test_mail_says_that_mail_works(desk: Desk, postman: Postman) -> None:
    """It belongs to no escalation and asks for nothing."""
    desk.test_mail()
    assert desk.deliver(NOW) == Delivered(sent=1)
    assert postman.taken[0]["Subject"] == "[web1] TEST mail works"


def test_a_login_and_a_certificate_are_used(state_dir: Path, postman: Postman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS with a certificate that is checked, then the login with the password from its file; a wrong one is kept and told."""
    certificate, key, secret = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "password"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def check(_server: object, _session: object, _envelope: object, _mechanism: object, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"me", b"s3cret"), handled=False)

    strict = {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}
    strict_server = MailServer(postman, **strict)
    strict_server.start()
    secret.write_text("wrong\n")
    secure = strict_server.mail(host="localhost", tls="starttls", user="me", password_file=str(secret))
    with Desk(state_dir, secure, "web1") as desk:
        desk.escalate(an_incident(), "nothing left", body="")
        assert desk.deliver(NOW).failed == 1
        assert "certificate" in outbox(desk)[0]["last_error"].lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert desk.deliver(NOW + 61).failed == 1
        assert "535" in outbox(desk)[0]["last_error"]
        secret.write_text("s3cret\n")
        assert desk.deliver(NOW + 200) == Delivered(sent=1)
    strict_server.stop()
    assert len(postman.taken) == 1
