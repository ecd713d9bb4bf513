"""kill -9 at each step between a telling and its mail: nothing is lost, and nothing comes twice as if it were new."""

import os
import smtplib
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from escalation import Desk
from escalation.grouping import Grouping
from escalation.outbox import LEASE_SECONDS, Outbox
from orchestrator.config import Mail
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident

NOW = time.time() + 86_400


def die(*_arguments: object, **_named: object) -> None:
    os.kill(os.getpid(), SIGKILL)


def doomed(state_dir: Path, mail: Mail, arm: Callable[[], object], now: float) -> int:
    """A process of its own that delivers, and is killed on the way."""
    child = os.fork()
    if child == 0:
        try:
            arm()
            Desk(state_dir, mail, "web1").deliver(now)
        finally:
            os._exit(1)
    return child


def is_dead(child: int) -> bool:
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == SIGKILL


def die_after(owner: type, name: str) -> None:
    """In this process its next call is the last."""
    method: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **named: Any) -> None:
        method(*arguments, **named)
        die()

    setattr(owner, name, deadly)


def die_in_the_midst(smtp: smtplib.SMTP, message: bytes) -> None:
    """Half of it is on the wire."""
    smtp.putcmd("data")
    smtp.getreply()
    smtp.send(message[: len(message) // 2])
    die()


STEPS: dict[str, tuple[Callable[[], object], int]] = {
    "before it is composed": (lambda: setattr(Grouping, "compose", die), 0),
    "half composed": (lambda: die_after(Outbox, "put"), 0),
    "composed": (lambda: die_after(Grouping, "compose"), 0),
    "before it is claimed": (lambda: setattr(Outbox, "_claim", die), 0),
    "claimed": (lambda: die_after(Outbox, "_claim"), 0),
    "half sent": (lambda: setattr(smtplib.SMTP, "data", die_in_the_midst), 0),
    "taken, and the server's word not heard": (lambda: None, 1),
    "taken, and not written down": (lambda: setattr(Outbox, "_sent", die), 1),
    "written down": (lambda: die_after(Outbox, "_sent"), 1),
}
"""How a process dies there, and how many mails the server has taken by then."""


@pytest.mark.parametrize("number", [1, 3], ids=["one", "many"])
@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_loses_nothing_and_doubles_nothing(
    state_dir: Path, server: MailServer, postman: Postman, step: str, number: int
) -> None:
    """Each escalation is told; if twice, then by one and the same mail, which its Message-ID says."""
    with Desk(state_dir, server.mail(), "web1") as desk:
        for task in range(1, number + 1):
            desk.escalate(an_incident(task), "nothing left", body="")
    arm, taken = STEPS[step]
    child = doomed(state_dir, server.mail(), arm, NOW)
    if step.startswith("taken, and the server"):
        postman.on_mail = lambda: os.kill(child, SIGKILL)
    assert is_dead(child)
    postman.on_mail = lambda: None
    assert len(postman.taken) == taken
    with Desk(state_dir, server.mail(), "web1") as desk:
        desk.deliver(NOW + 1)
        desk.deliver(NOW + LEASE_SECONDS + 2)
        assert desk.deliver(NOW + 2 * LEASE_SECONDS).waiting == 0
        assert [row["status"] for row in desk.ledger.rows("SELECT status FROM v_mails")] == ["sent"] * number
    assert len({message["Message-ID"] for message in postman.taken}) == 1
    assert {message["X-Orchestrator-Escalation"] for message in postman.taken} == {", ".join(map(str, range(1, number + 1)))}
    assert len(postman.taken) <= 2


@pytest.mark.parametrize("step", ["before", "half", "after"])
def test_a_death_while_mails_are_summed_up_loses_none(state_dir: Path, server: MailServer, postman: Postman, step: str) -> None:
    """After an outage the one summary is there wholly, or what it sums up still is."""
    server.stop()
    with Desk(state_dir, server.mail(), "web1") as desk:
        for task in (1, 2, 3):
            desk.escalate(an_incident(task), "nothing left", body="")
            desk.deliver(NOW)
    server.start()
    deaths: dict[str, Callable[[], object]] = {
        "before": lambda: setattr(Grouping, "again", die),
        "half": lambda: die_after(Outbox, "put"),
        "after": lambda: die_after(Grouping, "again"),
    }
    child = doomed(state_dir, server.mail(), deaths[step], NOW + 4000)
    assert is_dead(child)
    with Desk(state_dir, server.mail(), "web1") as desk:
        assert desk.deliver(NOW + 8000).sent == 1
        assert desk.deliver(NOW + 12_000).waiting == 0
    (message,) = postman.taken
    assert message["X-Orchestrator-Escalation"] == "1, 2, 3"


def test_a_server_that_dies_in_the_midst_gets_the_same_mail_again(state_dir: Path, server: MailServer, postman: Postman) -> None:
    """Nobody knows whether it was taken: it is never told as a new one, whatever else is due by then."""
    with Desk(state_dir, server.mail(), "web1") as desk:
        desk.escalate(an_incident(1), "nothing left", body="")
        postman.verdict = "close"
        assert desk.deliver(NOW).failed == 1
        postman.verdict = "250 OK"
        desk.escalate(an_incident(2), "nothing left", body="")
        desk.deliver(NOW + 1)
        desk.deliver(NOW + 4000)
        ids = {row["message_id"] for row in desk.ledger.rows("SELECT message_id FROM mails")}
    assert len(ids) == 2
    assert {message["Message-ID"] for message in postman.taken} == ids


def test_two_who_deliver_send_each_mail_once(state_dir: Path, mail: Mail, postman: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    """`test-alert` beside a daemon that is taken for dead: the claim is one conditional update."""
    with Desk(state_dir, mail, "web1") as one, Desk(state_dir, mail, "web1") as other:
        one.escalate(an_incident(), "nothing left", body="")
        claim = one.outbox._claim

        def claimed_late(number: int, now: float) -> bool:
            assert other.deliver(NOW).sent == 1
            return claim(number, now)

        monkeypatch.setattr(one.outbox, "_claim", claimed_late)
        assert one.deliver(NOW).sent == 0
    assert len(postman.taken) == 1


def test_what_may_have_been_taken_is_never_summed_up(state_dir: Path, server: MailServer, postman: Postman) -> None:
    """A death while it was sent, then an outage: it goes again as it was, and what came later as another."""
    with Desk(state_dir, server.mail(), "web1") as desk:
        desk.escalate(an_incident(1), "nothing left", body="")
    assert is_dead(doomed(state_dir, server.mail(), lambda: setattr(Outbox, "_sent", die), NOW))
    server.stop()
    with Desk(state_dir, server.mail(), "web1") as desk:
        desk.deliver(NOW + LEASE_SECONDS + 1)
        desk.escalate(an_incident(2), "nothing left", body="")
        desk.deliver(NOW + LEASE_SECONDS + 2)
        server.start()
        desk.deliver(NOW + 8000)
    assert [message["X-Orchestrator-Escalation"] for message in postman.taken] == ["1", "1", "2"]
    assert len({message["Message-ID"] for message in postman.taken}) == 2
