"""Links, sessions and tokens: what lets somebody in, how often, how long, and what is kept of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation import Desk
from escalation.doors import IDLE_SECONDS, LINK_SECONDS, LINKS, SESSION_SECONDS, Doors, Right
from orchestrator.store import Stale, StoreUnusable


class Clock:
    """A host's clock that a test moves."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


@pytest.fixture
def doors(desk: Desk, state_dir: Path) -> Iterator[Doors]:
    del desk
    with Doors(state_dir) as opened:
        yield opened


def dump(doors: Doors) -> str:
    return "\n".join(doors.ledger.db.conn.iterdump())


def test_a_link_lets_its_person_in_once(doors: Doors) -> None:
    """The second who follows the same link stays outside."""
    link = doors.invite("anna")
    assert doors.invited(link) == "anna"
    session = doors.enter(link)
    assert doors.visitor(session) == "anna"
    assert doors.enter(link) == ""
    assert doors.invited(link) == ""


def test_looking_at_a_link_does_not_use_it_up(doors: Doors) -> None:
    """Whoever only opens the page has changed no row."""
    link = doors.invite("anna")
    before = dump(doors)
    assert [doors.invited(link) for _ in range(3)] == ["anna"] * 3
    assert dump(doors) == before


def test_a_link_ends_after_ten_minutes(doors: Doors, clock: Clock) -> None:
    """One that nobody used in time lets nobody in."""
    link = doors.invite("anna")
    clock.now += LINK_SECONDS
    assert doors.enter(link) == ""


def test_a_session_ends_when_nobody_uses_it(doors: Doors, clock: Clock) -> None:
    """Twelve idle hours end it; use carries it on."""
    session = doors.enter(doors.invite("anna"))
    for _ in range(3):
        clock.now += IDLE_SECONDS - 60
        assert doors.visitor(session) == "anna"
    clock.now += IDLE_SECONDS + 1
    assert doors.visitor(session) == ""


def test_a_session_ends_after_a_week_of_use(doors: Doors, clock: Clock) -> None:
    """However busy, after seven days one logs in again."""
    session = doors.enter(doors.invite("anna"))
    ended = clock.now + SESSION_SECONDS
    while clock.now + 3600 < ended:
        clock.now += 3600
        assert doors.visitor(session) == "anna"
    clock.now = ended
    assert doors.visitor(session) == ""


def test_a_left_session_is_over(doors: Doors) -> None:
    """After the logout its secret opens nothing."""
    session = doors.enter(doors.invite("anna"))
    doors.leave(session)
    assert doors.visitor(session) == ""


def test_looking_writes_nothing(doors: Doors) -> None:
    """A session in use changes no row for minutes: a page that is looked at costs no write."""
    session = doors.enter(doors.invite("anna"))
    before = dump(doors)
    assert [doors.visitor(session) for _ in range(5)] == ["anna"] * 5
    assert dump(doors) == before


@pytest.mark.parametrize("right", ["read", "write", "alerts"])
def test_a_token_opens_what_it_says_until_it_is_revoked(doors: Doors, right: Right) -> None:
    """It names itself, and after its end it opens nothing."""
    token = doors.create_token("grafana", right, "anna")
    found = doors.bearer(token)
    assert found is not None
    assert (found.name, found.right, found.actor) == ("grafana", right, "token grafana")
    doors.revoke(found.id)
    assert doors.bearer(token) is None
    with pytest.raises(Stale):
        doors.revoke(found.id)


def test_no_secret_is_kept(doors: Doors) -> None:
    """Who reads the whole file can neither log in nor call the API."""
    secrets = [doors.invite("anna"), doors.enter(doors.invite("bert")), doors.create_token("ci", "write", "anna")]
    kept = dump(doors)
    assert all(secret and secret not in kept for secret in secrets)
    assert doors.bearer(doors.tokens()[0].model_dump_json()) is None


def test_a_name_is_one_tokens(doors: Doors) -> None:
    """Two programs of one name could not be told apart; a revoked one frees it."""
    doors.create_token("ci", "read", "anna")
    with pytest.raises(Stale, match="already"):
        doors.create_token("ci", "write", "anna")
    doors.revoke(doors.tokens()[0].id)
    assert doors.create_token("ci", "write", "anna").startswith("orc_w_")


def test_links_are_bounded(doors: Doors) -> None:
    """A script that asks for links for ever fills no disk."""
    links = [doors.invite(f"person {n}") for n in range(LINKS + 20)]
    assert doors.ledger.rows("SELECT COUNT(*) AS n FROM door_links")[0]["n"] == LINKS
    assert doors.invited(links[-1])


def test_before_the_daemon_ran_there_is_no_door(state_dir: Path) -> None:
    """It says which file is missing and who makes it."""
    with pytest.raises(StoreUnusable, match="the daemon makes it when it starts"):
        Doors(state_dir)
