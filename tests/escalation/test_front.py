"""What people do to an escalation: conditional, undoable, without a daemon."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from escalation import Desk, Escalation, FrontDesk
from escalation.words import Unknown
from orchestrator.config import Mail
from orchestrator.store import Stale, StoreUnusable
from tests.escalation.made import an_incident

ACTS: dict[str, tuple[str, Callable[[FrontDesk, int | None], Escalation]]] = {
    "ack": ("open", lambda front, version: front.ack(1, "eve", version=version)),
    "unack": ("acknowledged", lambda front, version: front.unack(1, "eve", version=version)),
    "snooze": ("open", lambda front, version: front.snooze(1, time.time() + 60, "eve", version=version)),
    "resolve": ("open", lambda front, version: front.resolve(1, "done", "eve", version=version)),
    "reopen": ("resolved", lambda front, version: front.reopen(1, "eve", version=version)),
}


@pytest.fixture
def front(state_dir: Path) -> Iterator[FrontDesk]:
    """An escalation that a daemon left, which is not running."""
    with Desk(state_dir, Mail(enabled=False), "web1") as desk:
        desk.escalate(an_incident(), "nothing left", body="")
    with FrontDesk(state_dir) as opened:
        yield opened


def bring_to(front: FrontDesk, status: str) -> Escalation:
    found = front.find(1)
    if status == "acknowledged":
        found = front.ack(1, "bob")
    if status == "resolved":
        found = front.resolve(1, "done", "bob")
    assert found is not None
    return found


@pytest.mark.parametrize("act", ACTS)
def test_an_act_moves_one_version_on_and_is_written_down(front: FrontDesk, act: str) -> None:
    """Each act answers with the new state, and its note names who did it."""
    status, do = ACTS[act]
    before = bring_to(front, status)
    after = do(front, before.version)
    assert after.version == before.version + 1
    assert front.find(1) == after
    assert front.ledger.rows("SELECT actor FROM notes ORDER BY id DESC LIMIT 1") == [{"actor": "eve"}]


@pytest.mark.parametrize("act", ACTS)
def test_an_act_on_what_moved_on_is_stale_and_shows_the_newer_state(front: FrontDesk, act: str) -> None:
    """Who saw an older version is told what it is now, and changes nothing."""
    status, do = ACTS[act]
    seen = bring_to(front, status)
    newer = front.note(1, "somebody else was here", "bob")
    with pytest.raises(Stale) as refused:
        do(front, seen.version)
    assert refused.value.newer == newer
    assert front.find(1) == newer


UNFIT = [("ack", "acknowledged"), ("ack", "resolved"), ("unack", "open"), ("resolve", "resolved"), ("reopen", "open")]


@pytest.mark.parametrize(("act", "status"), UNFIT)
def test_an_act_that_does_not_fit_the_status_is_stale(front: FrontDesk, act: str, status: str) -> None:
    """Nobody acknowledges what is resolved, nor takes over what somebody has."""
    before = bring_to(front, status)
    with pytest.raises(Stale, match=f"it is {status}"):
        ACTS[act][1](front, None)
    assert front.find(1) == before


def test_every_act_has_an_undo(front: FrontDesk) -> None:
    """Acknowledged and given back, resolved and reopened: it is open again, and owned by nobody."""
    assert front.ack(1, "eve").owner == "eve"
    assert front.unack(1, "eve").owner == ""
    assert front.resolve(1, "done", "eve").resolved_at is not None
    found = front.reopen(1, "eve")
    assert (found.status, found.resolved_at, found.resolution, found.owner) == ("open", None, "", "")


def test_an_incident_never_has_two_open_escalations(state_dir: Path, front: FrontDesk) -> None:
    """An old one is not reopened beside a newer one: the newer one is shown."""
    front.resolve(1, "done", "eve")
    with Desk(state_dir, Mail(enabled=False), "web1") as desk:
        newer = desk.find(desk.escalate(an_incident(), "it is back", body=""))
    with pytest.raises(Stale) as refused:
        front.reopen(1, "eve")
    assert refused.value.newer == newer


def test_of_two_who_take_it_at_once_one_has_it(state_dir: Path, front: FrontDesk) -> None:
    """Acknowledging is first come, first served, between processes as between threads."""
    won: list[str] = []
    start = threading.Barrier(4)

    def take(name: str) -> None:
        with FrontDesk(state_dir) as desk:
            start.wait()
            with contextlib.suppress(Stale):
                won.append(desk.ack(1, name).owner)

    threads = [threading.Thread(target=take, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = front.find(1)
    assert found is not None
    assert won == [found.owner]


def test_what_does_not_exist_is_unknown(front: FrontDesk) -> None:
    """A wrong number is a clear word."""
    with pytest.raises(Unknown, match="no escalation 99"):
        front.ack(99, "eve")
    assert front.find(99) is None


def test_before_the_first_start_there_is_no_desk(tmp_path: Path) -> None:
    """The daemon makes the file; a person's command makes none."""
    with pytest.raises(StoreUnusable, match="does not exist yet"):
        FrontDesk(tmp_path)
    assert list(tmp_path.iterdir()) == []
