"""Forms: what a person sends becomes an act, and the next page tells what came of it."""

import json

from escalation import Desk, Escalation
from escalation.doors import Doors
from orchestrator.store import Store
from tests.cli.scenes import asked, escalated, fault, healed
from tests.dashboard.conftest import Browser


def now(desk: Desk, number: int) -> Escalation:
    found = desk.find(number)
    assert found is not None
    return found


def inbox(store: Store) -> list[tuple[str, dict[str, object], str]]:
    rows = store.ledger.rows("SELECT verb, args, actor FROM inbox ORDER BY id")
    return [(row["verb"], json.loads(row["args"]), row["actor"]) for row in rows]


def test_an_act_is_done_in_her_name(anna: Browser, store: Store, desk: Desk) -> None:
    """Acknowledged with a note, and back on the page that she came from, which tells it and how to take it back."""
    _, number = escalated(store, desk)
    answer = anna.act(f"/escalations/{number}/ack", note="on it", next=f"/escalations/{number}", version=now(desk, number).version)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/escalations/{number}")
    assert (now(desk, number).status, now(desk, number).owner) == ("acknowledged", "anna")
    page = anna.get("/").text
    assert f"escalation {number} is acknowledged, with anna" in page
    assert f"/escalations/{number}/unack" in page
    assert "is acknowledged" not in anna.get("/").text.partition("</div>")[0]


def test_a_background_refresh_does_not_swallow_what_is_to_be_told(anna: Browser, store: Store, desk: Desk) -> None:
    """Another tab that refreshes itself leaves it to the page that follows the act."""
    _, number = escalated(store, desk)
    anna.act(f"/escalations/{number}/ack")
    assert "with anna" not in anna.get("/", headers={"HX-Request": "true"}).text.partition("<main")[0]
    assert f"escalation {number} is acknowledged, with anna" in anna.get("/").text


def test_a_stale_click_shows_the_newer_state(anna: Browser, store: Store, desk: Desk) -> None:
    """Somebody else was faster: 409, with who has it now, and nothing changed."""
    _, number = escalated(store, desk)
    form = {"version": str(now(desk, number).version)}
    desk.ack(number, "bert")
    answer = anna.act(f"/escalations/{number}/ack", **form)
    assert answer.status_code == 409
    assert "bert" in answer.text
    assert now(desk, number).owner == "bert"


def test_a_fault_that_stands_wants_a_second_word(anna: Browser, store: Store, desk: Desk) -> None:
    """Resolving asks, with all that was written still in the form; sent again it is done."""
    _, number = escalated(store, desk)
    answer = anna.act(f"/escalations/{number}/resolve", resolution="will be <replaced> tomorrow")
    assert answer.status_code == 409
    assert "the fault still stands" in answer.text
    assert "will be &lt;replaced&gt; tomorrow" in answer.text
    assert now(desk, number).status == "open"
    assert anna.act(f"/escalations/{number}/resolve", resolution="replaced", anyway="true").status_code == 303
    assert now(desk, number).status == "resolved"


def test_a_decision_is_kept_for_a_daemon_that_is_stopped(anna: Browser, store: Store, desk: Desk) -> None:
    """The row is there, in her name, and the page says that it waits and why."""
    _, number, proposal = asked(store, desk)
    assert anna.act(f"/escalations/{number}/approve", hash=proposal.hash).status_code == 303
    assert inbox(store) == [("approve", {"escalation_id": number, "hash": proposal.hash}, "anna")]
    page = anna.get("/").text
    assert "left for the daemon as decision 1" in page
    assert "it has not run on this state directory yet" in page


def test_many_at_once(anna: Browser, store: Store, desk: Desk) -> None:
    """Each for itself: one that is resolved already holds up no other; and one click takes it back."""
    numbers = [escalated(store, desk, fault(f"shop@{n}.service"))[1] for n in range(3)]
    desk.resolve(numbers[1], "done", "bert")
    answer = anna.act("/escalations/bulk", verb="ack", ids=[str(number) for number in numbers], text="all mine")
    assert answer.status_code == 303
    assert [now(desk, number).status for number in numbers] == ["acknowledged", "resolved", "acknowledged"]
    page = anna.get("/").text
    assert "ack: done for 2 of 3" in page
    assert f'value="{numbers[0]},{numbers[2]}"' in page
    anna.act("/escalations/bulk", verb="unack", ids=f"{numbers[0]},{numbers[2]}")
    assert [now(desk, number).status for number in numbers] == ["open", "resolved", "open"]


def test_a_pause_needs_a_reason(anna: Browser, store: Store) -> None:
    """What is missing is named; with all of it the decision is left."""
    wrong = anna.act("/host/pause", seconds="600", reason=" ")
    assert wrong.status_code == 422
    assert "reason" in wrong.text
    assert anna.act("/host/pause", seconds="600", reason="moving the database").status_code == 303
    assert [verb for verb, _, _ in inbox(store)] == ["pause"]


def test_a_plan_is_taught_as_lines(anna: Browser, store: Store) -> None:
    """One action a line, as a person writes it."""
    number = healed(store)
    assert (
        anna.act("/host/teach", task_id=str(number), plan="start_unit unit=shop.service\r\nreset_failed unit=shop.service").status_code
        == 303
    )
    ((verb, args, _),) = inbox(store)
    assert verb == "teach"
    assert isinstance(args["plan"], list)
    assert [step["kind"] for step in args["plan"]] == ["start_unit", "reset_failed"]


WRONG: tuple[tuple[str, dict[str, object], int], ...] = (
    ("/escalations/99/ack", {}, 404),
    ("/escalations/1/explode", {}, 404),
    ("/escalations/1/ack", {"colour": "red"}, 422),
    ("/escalations/1/ack", {"version": "one"}, 422),
    ("/escalations/1/snooze", {"seconds": "nan"}, 422),
    ("/escalations/1/snooze", {"seconds": "-1"}, 422),
    ("/escalations/1/snooze", {"seconds": "1e400"}, 422),
    (f"/escalations/{2**63}/ack", {}, 404),
    (f"/escalations/{2**63 - 1}/ack", {}, 404),
    ("/escalations/-1/ack", {}, 404),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": "rm -rf /"}, 422),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": "[1, null]"}, 422),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": "'"}, 422),
    ("/host/teach", {"task_id": str(2**70), "plan": "reset_failed unit=a.service"}, 422),
    ("/escalations/bulk", {"verb": "ack", "ids": ""}, 422),
    ("/escalations/bulk", {"verb": "ack", "ids": ",".join(map(str, range(300)))}, 422),
    ("/escalations/bulk", {"verb": "ack", "ids": "1;DROP TABLE escalations"}, 422),
    ("/escalations/bulk", {"verb": "resolve", "ids": "1"}, 422),
    ("/escalations/bulk", {"verb": "", "ids": "1"}, 404),
)


def test_what_makes_no_sense_is_refused_in_words(anna: Browser, store: Store, desk: Desk) -> None:
    """A wrong number, verb, field or value: a page that says so, and no row is changed."""
    escalated(store, desk)
    before = list(desk.ledger.db.conn.iterdump()), list(store.ledger.db.conn.iterdump())
    for path, form, status in WRONG:
        assert anna.act(path, **form).status_code == status, (path, form)
    assert (list(desk.ledger.db.conn.iterdump()), list(store.ledger.db.conn.iterdump())) == before


def test_two_sessions_have_two_tokens(anna: Browser, doors: Doors, store: Store, desk: Desk) -> None:
    """The token of one session's forms is nothing in another's."""
    _, number = escalated(store, desk)
    hers = anna.csrf_token()
    anna.post("/login", {"token": doors.invite("bert")})
    assert anna.post(f"/escalations/{number}/ack", {"csrf_token": hers}).status_code == 403


def test_what_was_written_is_not_lost(anna: Browser, store: Store, desk: Desk) -> None:
    """A slip in the plan, a version that moved on, a session that ended: the words stand there still, and the way back."""
    _, number = escalated(store, desk)
    here, story = f"/escalations/{number}", "the rack was warm <b>and</b>\nthe fan is dead"
    token = anna.csrf_token()
    said = {"resolution": story, "next": here, "csrf_token": token, "version": str(now(desk, number).version)}
    slip = anna.post(f"{here}/resolve", {**said, "plan": "restart_unit"})
    desk.ack(number, "bert")
    late = anna.post(f"{here}/resolve", {**said, "anyway": "true"})
    anna.post("/logout", {"csrf_token": token})
    ended = anna.post(f"{here}/resolve", said)
    assert [slip.status_code, late.status_code, ended.status_code] == [422, 409, 403]
    for answer in (slip, late, ended):
        assert "the rack was warm &lt;b&gt;and&lt;/b&gt;\nthe fan is dead" in answer.text
        assert f'href="{here}"' in answer.text
