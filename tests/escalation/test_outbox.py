"""The outbox against a real mail server: nothing is lost, and nothing is told twice as if it were new."""

import re
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from escalation import Delivered, Desk
from escalation.outbox import LAST_RETRY_SECONDS
from escalation.words import Post
from orchestrator.config import Mail
from orchestrator.model import utc
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident
from tests.store.made import a_proposal

NOW = time.time() + 86_400
"""Later than anything that a test queues."""


def outbox(desk: Desk) -> list[dict[str, Any]]:
    return desk.ledger.rows("SELECT * FROM outbox ORDER BY id")


def told(desk: Desk) -> list[tuple[str, str]]:
    """What was to be told, and what became of it, as people read it."""
    return [(row["kind"], row["status"]) for row in desk.ledger.rows("SELECT * FROM v_mails ORDER BY id")]


def test_mails_of_one_incident_are_one_thread(desk: Desk, postman: Postman) -> None:
    """The first mail is the root of all that follow, to the recovery, and names stay fixed in the subjects."""
    desk.escalate(an_incident(), "first", body="")
    desk.deliver(NOW)
    desk.escalate(an_incident(), "second", body="")
    desk.deliver(NOW)
    desk.escalate(an_incident(), "asks", body="", kind="approval", proposal=a_proposal(), expires_at=NOW - 10)
    desk.deliver(NOW)
    desk.expire(NOW)
    desk.deliver(NOW)
    desk.went_away(1, "healed: started it")
    desk.deliver(NOW)
    subjects = [message["Subject"] for message in postman.taken]
    assert subjects[:4] == [f"[web1] {state} #1 HIGH web.service failed" for state in ("OPEN", "UPDATE", "ASKS", "EXPIRED")]
    assert re.fullmatch(r"\[web1\] RESOLVED #1 HIGH web\.service failed \(after [0-9.]+ s\)", subjects[4])
    first, *others = postman.taken
    assert {message["References"] for message in others} == {message["In-Reply-To"] for message in others} == {first["Message-ID"]}
    assert len({message["Message-ID"] for message in postman.taken}) == 5
    assert postman.texts()[4].startswith("RESOLVED: healed: started it\n")


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
    assert postman.taken[0]["Message-ID"] == desk.ledger.rows("SELECT message_id FROM mails")[0]["message_id"]


def test_a_clock_that_was_set_back_makes_no_mail_wait_for_years(desk: Desk, postman: Postman) -> None:
    """A next turn that lies beyond every back-off is one of a wrong clock."""
    desk.escalate(an_incident(), "nothing left", body="")
    postman.verdict = "451 busy"
    desk.deliver(NOW)
    postman.verdict = "250 OK"
    desk.ledger.run("UPDATE outbox SET next_at = '2040-01-01 00:00:00.000'")
    assert desk.deliver(NOW + 1) == Delivered(sent=1)


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
    """What the server does not like waits alone, and takes nothing that comes after it along."""
    desk.escalate(an_incident(1), "nothing left", body="")
    postman.verdict = "554 no"
    assert desk.deliver(NOW).failed == 1
    desk.escalate(an_incident(2), "nothing left", body="")
    postman.verdict = "250 OK"
    assert desk.deliver(NOW + 1) == Delivered(sent=1, waiting=1)
    assert desk.deliver(NOW + 61) == Delivered(sent=1)
    assert [message["X-Orchestrator-Escalation"] for message in postman.taken] == ["2", "1"]


def test_a_recovery_is_told_only_if_the_problem_was(desk: Desk, server: MailServer, postman: Postman) -> None:
    """Nobody gets an all-clear for what nobody was told of; nor, later, the problem that is over."""
    server.stop()
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    desk.went_away(1, "it went away by itself")
    server.start()
    assert desk.deliver(NOW + 4000) == Delivered()
    assert postman.taken == []
    assert told(desk) == [("problem", "not sent")]


def test_a_problem_that_goes_away_while_its_mail_is_on_the_way_is_followed_up(desk: Desk, postman: Postman) -> None:
    """A mail that may have gone out counts as told: its recovery follows."""
    desk.escalate(an_incident(), "nothing left", body="")
    postman.on_mail = lambda: desk.went_away(1, "healed") if desk.open_for(1) else None
    assert desk.deliver(NOW) == Delivered(sent=1)
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
    assert told(desk) == [("problem", "not sent"), ("recovery", "not sent")]


def test_after_a_long_outage_one_summary_tells_all(desk: Desk, server: MailServer, postman: Postman) -> None:
    """Whatever surely never got to the server goes as one mail, as things are now; what is over meanwhile is not told at all."""
    server.stop()
    for hour in range(6):
        desk.escalate(an_incident(hour + 1, f"u{hour + 1} failed"), "nothing left", body="")
        assert desk.deliver(NOW + 3600 * hour).failed >= 1
    desk.went_away(1, "healed")
    desk.escalate(an_incident(2, "u2 failed"), "it is worse", body="")
    server.start()
    assert desk.deliver(NOW + 6 * 3600) == Delivered(sent=1)
    (message,) = postman.taken
    assert message["Subject"].startswith("[web1] 5 OPEN: u2 failed; ")
    (text,) = postman.texts()
    assert "it is worse" in text
    assert "u1 failed" not in text
    assert "This mail stands for 7 that could not go since" in text
    assert {row["status"] for row in outbox(desk)} == {"summed", "not sent", "sent"}
    assert told(desk) == [("problem", "not sent"), *[("problem", "sent")] * 5, ("note", "sent")]
    assert desk.deliver(NOW + 7 * 3600) == Delivered()
    desk.went_away(2, "healed")
    desk.deliver(NOW + 7 * 3600)
    assert postman.taken[1]["References"] == message["Message-ID"]


def test_a_snoozed_escalation_is_silent_but_for_its_end(desk: Desk, postman: Postman) -> None:
    """Snoozing holds reminders and notes back until it ends; that the problem is over is told at once."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    desk.snooze(1, NOW + 600, "eve")
    desk.escalate(an_incident(), "still nothing", body="")
    assert desk.deliver(NOW + 599) == Delivered()
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
        kept = desk.ledger.rows("SELECT status, last_error FROM v_mails")
        assert kept == [{"status": "not sent", "last_error": "mail is off in the configuration"}]


def test_what_waits_when_mail_is_switched_off_is_told_as_not_sent(desk: Desk, server: MailServer) -> None:
    """A mail that could not go, and a telling whose group was not due: neither waits for ever."""
    server.stop()
    desk.escalate(an_incident(1), "nothing left", body="")
    desk.deliver(NOW)
    desk.escalate(an_incident(2), "nothing left", body="")
    desk.post = Post(mail=Mail(enabled=False))
    desk.expire(NOW)
    assert told(desk) == [("problem", "not sent"), ("problem", "not sent")]
    kept = [row["last_error"] for row in desk.ledger.rows("SELECT last_error FROM v_mails ORDER BY id")]
    assert kept[0].startswith("[mail] was switched off; before that: 127.0.0.1:")
    assert kept[1] == "mail is off in the configuration"


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
