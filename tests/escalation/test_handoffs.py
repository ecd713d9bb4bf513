"""What phases pass on, and how often the next one did better."""

from typing import Any

import pytest
from sqlite_utils import Database

from escalation import Desk
from escalation.migrations import escalations
from orchestrator.config import Mail
from orchestrator.model import Handoff, Minute, utc
from orchestrator.store import Lesson
from tests.escalation.made import an_incident

FIRST = Handoff(phase=1, reason="no pattern fits", seen=(3, 4), tried=("start web: no_effect",), ruled_out=("a full disk",))
SECOND = Handoff(phase=2, reason="no runbook fits", open_questions=("who holds port 8080?",))


def handed(desk: Desk) -> list[tuple[Any, ...]]:
    rows = desk.ledger.rows("SELECT from_phase, to_phase, ended, escalation_id FROM v_handoffs ORDER BY id")
    return [tuple(row.values()) for row in rows]


def test_it_is_typed_and_stored(desk: Desk) -> None:
    """What was seen, tried, ruled out and left open stands in the row."""
    desk.hand_off(1, FIRST, 2)
    (row,) = desk.ledger.rows("SELECT * FROM handoffs")
    assert (row["reason"], row["seen"], row["tried"], row["ruled_out"], row["open_questions"]) == (
        "no pattern fits", "[3,4]", '["start web: no_effect"]', '["a full disk"]', "[]"
    )  # fmt: skip


def test_each_ends_with_what_the_next_one_made_of_it(desk: Desk) -> None:
    """Passed on again; healed by who had it; by a phase before, which is no success of the next; gone by itself."""
    for number in (1, 2, 3, 4):
        desk.hand_off(number, FIRST, 2)
    desk.hand_off(1, SECOND, 3)
    assert handed(desk)[0] == (1, 2, "passed on", None)
    desk.went_away(1, "healed: it runs", healed_in=3)
    desk.went_away(2, "healed: it runs", healed_in=1)
    desk.went_away(3, "it went away by itself")
    assert handed(desk) == [
        (1, 2, "passed on", None),
        (1, 2, "passed on", None),
        (1, 2, "went away", None),
        (1, 2, None, None),
        (2, 3, "healed", None),
    ]
    assert desk.handed_over() == (4,)


@pytest.mark.parametrize(("end", "ended"), [("healed: approved", "healed"), ("it went away by itself", "went away"), ("", "a person")])
def test_a_person_s_is_the_escalation_s(desk: Desk, end: str, ended: str) -> None:
    """What led there ends with a person; the person's own with the escalation, and it is open again with it."""
    desk.hand_off(1, FIRST, 2)
    desk.hand_off(1, SECOND, 4)
    number = desk.escalate(an_incident(), "no runbook fits", body="")
    assert handed(desk) == [(1, 2, "a person", None), (2, 4, None, number)]
    desk.went_away(1, end) if end else desk.resolve(number, "mended by hand", "eve")
    assert handed(desk)[1] == (2, 4, ended, number)
    desk.reopen(number, "eve")
    assert handed(desk)[1] == (2, 4, None, number)


def test_the_same_again_is_no_second_one(desk: Desk) -> None:
    """A death between the two files writes it twice; who has it already is handed nothing."""
    desk.hand_off(1, FIRST, 2)
    desk.hand_off(1, FIRST, 2)
    desk.hand_off(1, SECOND, 4)
    desk.hand_off(1, SECOND, 4)
    desk.escalate(an_incident(), "no runbook fits", body="")
    desk.hand_off(1, SECOND, 4)
    desk.escalate(an_incident(), "another reason", body="")
    assert [row[:2] for row in handed(desk)] == [(1, 2), (2, 4)]


def test_an_escalation_that_no_phase_wrote_down_has_its_row(desk: Desk) -> None:
    """The columns of a person's row are as they were: how long until somebody had it, and what came of it."""
    number = desk.escalate(an_incident(), "it was lost", body="")
    desk.ack(number, "eve")
    (row,) = desk.ledger.rows("SELECT * FROM v_handoffs")
    assert (row["escalation_id"], row["title"], row["severity"], row["kind"], row["reason"], row["status"], row["consulted"]) == (
        number, "web.service failed", "high", "escalation", "it was lost", "acknowledged", 0
    )  # fmt: skip
    assert row["seconds_to_ack"] >= 0


def test_escalations_of_an_earlier_version_have_theirs(tmp_path: Any) -> None:
    """Which phase they came from nobody knows."""
    path = tmp_path / "escalations.db"
    db = Database(path)
    escalations.apply(db, stop_before="m013_handoffs")
    for number, resolution in enumerate((None, "healed: it runs", "by hand"), 1):
        ended = {"status": "resolved", "resolved_at": utc(), "resolution": resolution} if resolution else {}
        row = {"id": number, "task_id": number, "title": "t", "reason": "r", "kind": "escalation", "severity": "high", "created_at": utc()}
        db.table("escalations").insert({**row, **ended})
    db.close()
    with Desk(tmp_path, Mail.model_validate({"enabled": False}), "h") as desk:
        assert handed(desk) == [(None, 4, None, 1), (None, 4, "healed", 2), (None, 4, "a person", 3)]


def test_they_go_with_their_escalation_or_with_time(desk: Desk) -> None:
    """None is kept for ever."""
    desk.hand_off(1, FIRST, 2)
    desk.escalate(an_incident(), "r", body="")
    desk.ledger.run("UPDATE handoffs SET created_at = ?", (utc(1e9),))
    desk.tidy(1e9)
    assert len(handed(desk)) == 2
    desk.tidy(2e9)
    assert handed(desk) == [(1, 4, None, 1)]
    desk.ledger.run("DELETE FROM escalations")
    assert handed(desk) == []


def test_who_was_right_is_known_by_the_ending(desk: Desk) -> None:
    """The last word of each; nobody was right, nor is anybody wrong by it, when the fault comes back."""
    said = (("a", "nothing"), ("a", "propose"), ("b", "person"), ("c", "failed"))
    desk.minutes(1, [Minute.model_validate({"expert": name, "stance": stance}) for name, stance in said])
    of = {"stance": "propose", "kinds": (), "fact": "f"}

    def proved() -> list[str]:
        return [row["proved"] for row in desk.ledger.rows("SELECT proved FROM agent_consultations ORDER BY id")]

    desk.proved(1, [Lesson.model_validate({"expert": name, "proved": word, **of}) for name, word in (("a", "healed"), ("b", "missed"))])
    assert proved() == ["", "healed", "missed", ""]
    desk.came_back(1)
    assert proved() == ["", "relapsed", "moot", ""]


def test_what_a_death_cut_short_and_was_said_anew_is_one(desk: Desk) -> None:
    """The daemon died before the escalation was there, and gave it up for another reason the next time: a person has it all the same."""
    desk.hand_off(1, SECOND, 4)
    desk.hand_off(1, SECOND.model_copy(update={"reason": "the plan did not help"}), 4)
    number = desk.escalate(an_incident(), "the plan did not help", body="")
    assert handed(desk) == [(2, 4, None, number)]
