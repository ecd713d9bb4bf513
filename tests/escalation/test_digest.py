"""How the host fared: once a period, one sentence first, each number with what it is out of."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from escalation import Delivered, Desk
from escalation.digest import Period, period_of, sentence
from orchestrator.model import Status, epoch, utc
from orchestrator.store import Store
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident
from tests.store.made import a_fault, a_proposal
from tests.store.made import an_incident as a_task

SUNDAY, MONDAY = epoch("2026-11-22 12:00:00.000"), epoch("2026-11-23 08:00:00.000")


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def weekly(state_dir: Path, server: MailServer, store: Store) -> Iterator[Desk]:
    """A desk that was there in the week before."""
    assert store
    with Desk(state_dir, server.mail(digest="weekly"), "web1") as desk:
        desk.deliver(SUNDAY)
        yield desk


def at_noon(store: Store, desk: Desk) -> None:
    """Whatever was written until now was on that Sunday."""
    noon = utc(SUNDAY)
    for table, column in (("tasks", "detected_at"), ("tasks", "opened_at"), ("patterns", "created_at")):
        store.ledger.run(f"UPDATE {table} SET {column} = '{noon}'")  # noqa: S608  # names
    store.ledger.run(f"UPDATE tasks SET resolved_at = '{utc(SUNDAY + 90)}' WHERE resolved_at IS NOT NULL")  # noqa: S608  # a time
    for table in ("escalations", "tellings", "outbox"):
        desk.ledger.run(f"UPDATE {table} SET created_at = '{noon}'")  # noqa: S608  # names
    desk.ledger.run(f"UPDATE escalations SET resolved_at = '{noon}' WHERE resolved_at IS NOT NULL")  # noqa: S608  # a time


def test_a_quiet_week_is_one_sentence(weekly: Desk, store: Store, postman: Postman) -> None:
    """Who reads no further knows all that there is."""
    for number in (1, 2):
        task = a_task(store, a_fault(f"u{number}.service"))
        store.close(task, Status.FIXED, phase=number, fix_successful=True, resolution="started it")
    at_noon(store, weekly)
    assert weekly.deliver(MONDAY - 1) == Delivered()
    assert weekly.deliver(MONDAY) == Delivered(sent=1)
    assert postman.taken[0]["Subject"] == "[web1] DIGEST All quiet: 2 faults, 2 healed alone."
    text = postman.texts()[0]
    assert text.startswith("All quiet: 2 faults, 2 healed alone.\n")
    assert "healed alone            2 of 2 (100 %), 2 of the 2 that needed something" in text
    assert "of these at once        1 of 2 by a quick fix" in text
    assert "time to heal            1 min in the middle, 1 min at most" in text
    assert "WHAT WAITS LONGEST" not in text


def test_what_waits_came_back_was_learned_and_was_not_sent_is_named(weekly: Desk, store: Store, postman: Postman) -> None:
    """And what healed while nobody looked."""
    back = a_task(store, a_fault("back.service"))
    store.teach("sig", a_proposal().plan, "research")
    weekly.escalate(an_incident(7, "disk is full"), "nothing left", body="")
    weekly.escalate(an_incident(8, "seen by nobody"), "nothing left", body="")
    weekly.went_away(8, "it went away by itself")
    store.ledger.run("UPDATE tasks SET occurrences = 3 WHERE id = ?", (back,))
    at_noon(store, weekly)
    weekly.ledger.run("UPDATE tellings SET status = 'told' WHERE status = 'waiting'")
    weekly.deliver(MONDAY)
    (text,) = postman.texts()
    assert postman.taken[0]["Subject"] == "[web1] DIGEST 1 waits for you: 1 fault, 0 healed alone."
    for heading, line in (
        ("WHAT WAITS LONGEST", "#1 HIGH disk is full ("),
        ("WHAT CAME BACK", f"incident {back}, seen 3 times: "),
        ("WHAT WAS LEARNED", "pattern 1 (probation, 0 wins): 1. start web.service"),
        ("HEALED, AND NOBODY LOOKED", "#2 seen by nobody: it went away by itself"),
        ("NOT SENT, AND WHY", "1: it was over before the first mail was due"),
    ):
        assert line in text.partition(f"{heading}\n")[2].partition("\n\n")[0]
    assert "disk is full" in postman.pages()[0]


def test_a_period_comes_once_whatever_dies(state_dir: Path, weekly: Desk, server: MailServer, postman: Postman) -> None:
    """Its row is what says that it was told: a new start sends none again, a host that was off tells it late."""
    weekly.deliver(MONDAY + 86_400)
    weekly.close()
    with Desk(state_dir, server.mail(digest="weekly"), "web1") as again:
        again.deliver(MONDAY + 2 * 86_400)
        assert len(postman.taken) == 1
        again.deliver(MONDAY + 7 * 86_400)
        again.deliver(MONDAY + 8 * 86_400)
    assert len(postman.taken) == 2


def test_the_first_period_is_not_told(state_dir: Path, server: MailServer, postman: Postman, store: Store) -> None:
    """Nobody looked at the days before the installation."""
    assert store
    with Desk(state_dir, server.mail(digest="daily"), "web1") as desk:
        desk.deliver(SUNDAY)
        assert postman.taken == []
        desk.deliver(SUNDAY + 86_400)
    assert len(postman.taken) == 1


def test_a_digest_that_cannot_be_made_holds_no_mail_up(
    state_dir: Path, server: MailServer, postman: Postman, caplog: pytest.LogCaptureFixture
) -> None:
    """Without tasks.db there are no numbers; what is wrong is told all the same, and the digest later."""
    with Desk(state_dir, server.mail(digest="daily"), "web1") as desk:
        desk.deliver(SUNDAY)
        desk.escalate(an_incident(), "nothing left", body="")
        assert desk.deliver(MONDAY) == Delivered(sent=1)
        assert desk.deliver(MONDAY + 5) == Delivered()
        assert caplog.text.count("no digest yet") == 1
        with Store(state_dir):
            assert desk.deliver(MONDAY + 1000) == Delivered(sent=1)
    assert [message["X-Orchestrator-State"] for message in postman.taken] == ["OPEN", "DIGEST"]


def test_without_a_digest_nothing_is_asked(state_dir: Path, server: MailServer, postman: Postman, store: Store) -> None:
    """Off is off."""
    assert store
    with Desk(state_dir, server.mail(digest="off"), "web1") as desk:
        for day in range(20):
            desk.deliver(MONDAY + day * 86_400)
    assert postman.taken == []


@pytest.mark.parametrize(
    ("faults", "waiting", "said"),
    [
        ({"n": 12, "healed": 12, "cleared": 0}, 0, "All quiet: 12 faults, 12 healed alone."),
        ({"n": 0, "healed": 0, "cleared": 0}, 0, "All quiet: nothing was wrong."),
        ({"n": 3, "healed": 2, "cleared": 1}, 0, "All quiet: 3 faults, 2 healed alone, 1 went away."),
        ({"n": 3, "healed": 2, "cleared": 0}, 0, "Nothing waits for you: 3 faults, 2 healed alone."),
        ({"n": 3, "healed": 1, "cleared": 0}, 2, "2 wait for you: 3 faults, 1 healed alone."),
    ],
)
def test_the_sentence(faults: dict[str, int], waiting: int, said: str) -> None:
    """What waits for a person comes first, and quiet is said only where all healed alone or went away."""
    assert sentence(faults, waiting) == said


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(("every", "days"), [("daily", 1), ("weekly", 7)])
def test_periods_follow_each_other_by_the_host_s_clock(monkeypatch: pytest.MonkeyPatch, zone: str, every: str, days: int) -> None:
    """Through both changes of the clock: each ends at 8, the next begins there, and none is left out."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    at, found = epoch("2026-01-01 00:00:00.000"), list[Period]()
    while at < epoch("2027-01-01 00:00:00.000"):
        period = period_of(every, at)
        if not found or found[-1] != period:
            found.append(period)
        assert period.until <= at < period.next_at
        at += 1800
    for before, after in pairwise(found):
        assert before.until == after.since
        assert datetime.fromtimestamp(after.until).hour == 8  # noqa: DTZ006  # the host's own clock
        assert datetime.fromtimestamp(after.until) - datetime.fromtimestamp(after.since) == timedelta(days=days)  # noqa: DTZ006
    assert len({period.name for period in found}) == len(found) >= 365 // days
