"""What people do, each act by the one way there is."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlite_utils import Database

from escalation import Desk
from escalation.acts import ACTS, Done, StillStands, Unknown
from escalation.migrations import escalations as steps
from escalation.operator import Operator
from orchestrator.config import Config, Mail
from orchestrator.engine.clicks import Clicks
from orchestrator.model import Json, Status, epoch
from orchestrator.store import Stale, Store, StoreFailed
from tests.cli.scenes import asked, escalated


@pytest.fixture
def mail() -> Mail:
    """Nobody is mailed."""
    return Mail.model_validate({"enabled": False})


@pytest.fixture
def anna(state_dir: Path) -> Operator:
    return Operator(config=Config.model_validate({"daemon": {"state_dir": str(state_dir)}}), actor="anna", patience=0.05)


def does(person: Operator, verb: str, number: int, *, of: str = "escalation", once: str = "", **said: object) -> Done:
    return person.perform(ACTS[of, verb].model_validate(said), number, once=once)


def test_every_act_has_its_way_back(store: Store, desk: Desk, anna: Operator) -> None:
    """Each act that has an inverse names it with all that it needs; done, the escalation stands as before."""
    _incident, number = escalated(store, desk)
    does(anna, "severity", number, severity="warning")
    kept = ("status", "owner", "severity", "snoozed_until", "resolution")
    before = desk.known(number).model_dump(include=set(kept))
    for verb, said in (
        ("ack", {}),
        ("assign", {"owner": "bob"}),
        ("severity", {"severity": "info"}),
        ("snooze", {"seconds": 60}),
        ("resolve", {"resolution": "done", "anyway": True}),
    ):
        done = does(anna, verb, number, **said)
        assert desk.known(number).model_dump(include=set(kept)) != before, verb
        assert done.undo is not None, verb
        does(anna, done.undo.verb, done.undo.number, of=done.undo.of, **done.undo.fields)
        assert desk.known(number).model_dump(include=set(kept)) == before, verb


def test_an_acknowledgement_has_an_end(store: Store, desk: Desk, anna: Operator) -> None:
    """By the configuration, or as long as was said; 0 is without an end."""
    _incident, number = escalated(store, desk)
    until = does(anna, "ack", number).escalation
    assert until is not None
    assert 8 * 3600 - 5 < epoch(until.acknowledged_until or "") - time.time() <= 8 * 3600
    does(anna, "unack", number)
    done = does(anna, "ack", number, seconds=0)
    assert done.text == f"escalation {number} is acknowledged, with anna"
    assigned = does(anna, "assign", number, owner="bob", once="form-1")
    assert assigned.escalation is not None
    assert assigned.escalation.acknowledged_until is not None
    assert does(anna, "assign", number, owner="bob", once="form-1") == assigned


def test_a_stale_click_is_told_the_newer_state(store: Store, desk: Desk, anna: Operator) -> None:
    """Who comes late changes nothing: a resolve is not undone by an act that was on its way."""
    _incident, number = escalated(store, desk)
    seen = desk.known(number).version
    desk.resolve(number, "loose cable", "bob")
    for verb, said in (("ack", {}), ("snooze", {"seconds": 60}), ("assign", {"owner": "eve"}), ("severity", {"severity": "info"})):
        with pytest.raises(Stale, match="it is resolved") as stale:
            does(anna, verb, number, version=seen, **said)
        assert stale.value.newer == desk.known(number)
    with pytest.raises(Stale, match="version"):
        does(anna, "reopen", number, version=seen)
    with pytest.raises(Stale, match="moved on"):
        does(anna, "approve", number, hash="0" * 16)


def test_the_same_click_twice_is_done_once(store: Store, desk: Desk, anna: Operator) -> None:
    """With the caller's own name for it: one note, one row of the inbox, the same answer."""
    _incident, number = escalated(store, desk)
    first = does(anna, "note", number, text="the disk is loose", once="form-1")
    assert does(anna, "note", number, text="the disk is loose", once="form-1") == first
    does(anna, "note", number, text="the disk is loose", once="form-2")
    notes = [row["text"] for row in desk.ledger.rows("SELECT text FROM notes WHERE actor = 'anna'")]
    assert notes == ["the disk is loose"] * 2
    left = does(anna, "reject", number, reason="no", note="never", once="form-3")
    assert does(anna, "reject", number, reason="no", note="never", once="form-3").decision == left.decision
    assert len(store.ledger.rows("SELECT id FROM inbox")) == 1
    assert len(desk.ledger.rows("SELECT id FROM notes WHERE text = 'never'")) == 1


def test_a_reopened_one_that_is_over_is_a_reminder(store: Store, desk: Desk, anna: Operator) -> None:
    """It says so; and the daemon, which compares its files when it starts, leaves it open."""
    incident, number = escalated(store, desk)
    store.close(incident, Status.CLEARED, phase=4, fix_successful=None, resolution="it went away by itself")
    desk.went_away(incident, "it went away by itself")
    text = does(anna, "reopen", number).text
    assert f"its incident {incident} is over (cleared" in text
    assert "your own reminder" in text
    assert desk.reconcile(store.known_to_person()).untold == ()


def test_healed_and_nobody_looked(store: Store, desk: Desk, anna: Operator) -> None:
    """What ended by itself while no person did anything is in the tray, until somebody looks."""
    tray = "SELECT id FROM escalations WHERE status = 'resolved' AND looked_at IS NULL"
    incident, number = escalated(store, desk)
    desk.went_away(incident, "healed")
    assert [row["id"] for row in desk.ledger.rows(tray)] == [number]
    does(anna, "look", number)
    assert desk.ledger.rows(tray) == []
    assert desk.known(number).looked_by == "anna"
    version = desk.known(number).version
    does(anna, "look", number)
    assert desk.known(number).version == version


def test_resolving_what_stands_wants_a_second_word(store: Store, desk: Desk, anna: Operator) -> None:
    """The first says since when it was seen; the second does it."""
    _incident, number = escalated(store, desk)
    with pytest.raises(StillStands, match=r"the fault still stands \(seen 6 min ago\)"):
        does(anna, "resolve", number, resolution="done")
    assert desk.known(number).status == "open"
    assert does(anna, "resolve", number, resolution="done", anyway=True).text == f"escalation {number} is resolved"


def test_a_persons_severity_holds(store: Store, desk: Desk, anna: Operator) -> None:
    """What the daemon tells later does not change it."""
    incident, number = escalated(store, desk)
    assert does(anna, "severity", number, severity="critical").text == f"escalation {number} is open; its severity is critical"
    case = store.case(incident)
    assert case is not None
    desk.escalate(case.incident, "something new", body="the story")
    assert desk.known(number).severity == "critical"


@pytest.mark.usefixtures("store", "desk")
def test_what_does_not_exist_is_unknown(anna: Operator) -> None:
    """Of whatever kind."""
    for of, verb, said in (
        ("escalation", "ack", {}),
        ("escalation", "reject", {"reason": "no"}),
        ("incident", "retry", {}),
        ("incident", "silence", {"seconds": 60, "reason": "x"}),
        ("pattern", "trust", {}),
        ("memory", "forget", {}),
        ("memory", "correct", {"fact": "x"}),
        ("window", "end", {}),
        ("intervention", "judge", {"right": True}),
    ):
        with pytest.raises(Unknown, match=r"there is no .* 99"):
            does(anna, verb, 99, of=of, **said)


def test_a_decision_says_why_it_waits(store: Store, desk: Desk, anna: Operator) -> None:
    """The daemon does not run: kept, and said so."""
    _incident, number, proposal = asked(store, desk)
    done = does(anna, "approve", number, hash=proposal.hash)
    assert (done.refused, done.decision, done.waits) == (False, 1, "it has not run on this state directory yet")


def test_every_act_is_named_once() -> None:
    """The table is complete: each act stands under its own name, and what takes it back exists."""
    for (of, verb), act in ACTS.items():
        assert (of, verb) == (act.of, act.verb)
        assert not act.undo or (of, act.undo) in ACTS
        assert act.__doc__


def test_a_plan_comes_as_lines_or_as_json() -> None:
    """As a form, a command line and a program write it; what is no action is refused."""
    one = {"kind": "restart_unit", "unit": "shop.service"}
    for plan in (
        [one],
        ["restart_unit unit=shop.service"],
        "restart_unit unit=shop.service\n",
        '[{"kind":"restart_unit","unit":"shop.service"}]',
    ):
        act = ACTS["host", "teach"].model_validate({"task_id": 1, "plan": plan})
        assert act.model_dump()["plan"] == (one,)
    for bad in ("rm -rf /", [{"kind": "shell"}], [], ["restart_unit unit=--all"]):
        with pytest.raises(ValueError, match="plan"):
            ACTS["host", "teach"].model_validate({"task_id": 1, "plan": bad})


def test_an_older_file_gets_an_empty_tray(tmp_path: Path) -> None:
    """What was resolved before there was a tray counts as looked at."""
    (tmp_path / "old.db").touch()
    with sqlite3.connect(tmp_path / "old.db") as connection:
        db = Database(connection)
        steps.apply(db, stop_before="m006_acts")
        db.table("escalations").insert(
            {"task_id": 1, "title": "x", "reason": "x", "kind": "escalation", "severity": "high", "status": "resolved",
             "created_at": "2026-01-01 00:00:00.000", "resolved_at": "2026-01-01 00:01:00.000"}
        )  # fmt: skip
        steps.apply(db)
        assert [row["looked_at"] for row in db.table("escalations").rows] == ["2026-01-01 00:01:00.000"]
    connection.close()


def test_teaching_is_left_before_the_escalation_is_resolved(store: Store, desk: Desk, anna: Operator) -> None:
    """A stale or refused one teaches nothing; and done once, it is done once, whatever happens to the escalation later."""
    incident, number = escalated(store, desk)
    said: dict[str, Any] = {"resolution": "restarted", "plan": ["restart_unit unit=shop.service"], "anyway": True}
    with pytest.raises(Stale):
        does(anna, "resolve", number, version=99, **said)
    assert store.take_clicks() == ()
    first = does(anna, "resolve", number, once="form-1", **said)
    assert first.text.startswith(f"escalation {number} is resolved; left for the daemon as decision 1")
    assert does(anna, "resolve", number, once="form-1", **said).text == first.text
    assert [click.args["task_id"] for click in store.take_clicks()] == [incident]


def test_a_silence_snoozes_what_is_open_already(store: Store, desk: Desk, anna: Operator) -> None:
    """Else mails about it would go on."""
    incident, number = escalated(store, desk)
    assert f"escalation {number} is snoozed as long" in does(anna, "silence", incident, of="incident", seconds=3600, reason="known").text
    assert desk.known(number).snoozed_until is not None


def test_a_reminder_whose_incident_is_back_is_the_incidents_again(store: Store, desk: Desk, anna: Operator) -> None:
    """The daemon resolves it when that goes away."""
    incident, number = escalated(store, desk)
    case = store.case(incident)
    assert case is not None
    desk.went_away(incident, "gone")
    does(anna, "reopen", number)
    desk.ledger.run("UPDATE escalations SET reminder = 1")
    desk.escalate(case.incident, "it is back", body="")
    assert not desk.known(number).reminder


def test_a_reminder_outlives_what_heals_by_itself(store: Store, desk: Desk, anna: Operator) -> None:
    """The incident came back and was healed without a person: a person's own note stays until that person takes it away."""
    incident, number = escalated(store, desk)
    store.close(incident, Status.CLEARED, phase=4, fix_successful=None, resolution="it went away by itself")
    desk.went_away(incident, "it went away by itself")
    does(anna, "reopen", number)
    desk.went_away(incident, "healed: by restart")
    assert desk.known(number).status == "open"


def test_the_end_of_a_silence_wakes_what_it_snoozed(store: Store, desk: Desk, anna: Operator) -> None:
    """And nothing else: what a person snoozed for another while stays so."""
    incident, number = escalated(store, desk)
    clicks = Clicks(store, desk, anna.config)
    for snoozed_again, stays in ((False, False), (True, True)):
        does(anna, "silence", incident, of="incident", seconds=3600, reason="known")
        clicks.take()
        window = store.ledger.rows("SELECT MAX(id) AS id FROM windows")[0]["id"]
        if snoozed_again:
            does(anna, "snooze", number, seconds=7200)
        does(anna, "end", window, of="window")
        assert bool(desk.known(number).snoozed_until) == stays


@pytest.mark.parametrize("plan", ["[" * 90_000, '{"kind":' * 20_000])
def test_a_plan_that_is_nested_too_deeply_is_no_plan(plan: str) -> None:
    """It is wrong like any other, and no fault of the program that reads it."""
    with pytest.raises(ValidationError, match="nested too deeply"):
        ACTS["host", "teach"].model_validate({"task_id": 1, "plan": plan})


def test_what_is_wrong_with_a_plan_is_short() -> None:
    """A page and an answer repeat it, however long the plan is."""
    with pytest.raises(ValidationError) as wrong:
        ACTS["host", "teach"].model_validate({"task_id": 1, "plan": "restart_unit unit=" + "[" * 90_000})
    assert len(wrong.value.errors()[0]["msg"]) < 1000


def test_a_death_after_the_note_does_not_make_the_same_click_stale(store: Store, desk: Desk, anna: Operator) -> None:
    """The note alone was written when the process died: the same again leaves the decision too, and no second note."""
    _incident, number, proposal = asked(store, desk)
    said: Json = {"hash": proposal.hash, "note": "looked at the disk", "version": desk.known(number).version}
    store.ledger.run("CREATE TRIGGER died BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'dead'); END")
    with pytest.raises(StoreFailed):
        does(anna, "approve", number, once="k1", **said)
    store.ledger.run("DROP TRIGGER died")
    assert does(anna, "approve", number, once="k1", **said).waits
    assert len(desk.ledger.rows("SELECT id FROM notes WHERE text = 'looked at the disk'")) == 1
