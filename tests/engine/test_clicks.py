"""What the daemon makes of people's answers: exactly what was said, within what the policy allows, once."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from escalation import Desk, Intervention
from orchestrator.actions import parse
from orchestrator.config import Config, Mail
from orchestrator.engine.clicks import Clicks
from orchestrator.model import Case, Evidence, Json, Minute, Outcome, Scope, Stage, Status
from orchestrator.store import Inbox, Store, StoreFailed
from orchestrator.store import people as people_of_the_store
from tests.cli.scenes import asked, attempted, healed, opened, plan, store_case

CONFIG = Config.model_validate({"service": [{"name": "shop", "unit": "shop.service"}], "protect": {"units": ["other.service"]}})


class People:
    """Leave decisions, let the daemon take them, read its answers."""

    def __init__(self, state_dir: Path, store: Store, desk: Desk) -> None:
        self.inbox = Inbox(state_dir)
        self.store = store
        self.desk = desk
        self.clicks = Clicks(store, desk, CONFIG)

    def leave(self, verb: str, **args: Any) -> int:
        return self.inbox.put(verb, args, "anna")

    def says(self, verb: str, **args: Any) -> str:
        number = self.leave(verb, **args)
        self.clicks.take()
        return self.inbox.result(number) or ""

    def question(self, task_id: int) -> Intervention:
        found = self.desk.pending(task_id)
        assert found is not None
        return found

    def case(self, task_id: int) -> Case:
        return store_case(self.store, task_id)


@pytest.fixture
def people(state_dir: Path, store: Store, desk: Desk) -> Iterator[People]:
    people = People(state_dir, store, desk)
    yield people
    people.inbox.close()


def action(kind: str = "restart_unit", unit: str = "shop.service") -> Json:
    return {"kind": kind, "unit": unit}


def asks(store: Store, desk: Desk, **more: Any) -> tuple[int, int]:
    """A permission is asked for."""
    number = opened(store)
    case = store_case(store, number)
    kind = {"kind": "approval", "proposal": plan(), "expires_at": time.time() + 3600, **more}
    escalation = desk.escalate(case.incident, "mode is approve", body="the story", **kind)
    store.ask(number, "a person's word: mode is approve")
    return number, escalation


def disagree(store: Store, desk: Desk, *plans: tuple[str, Json]) -> tuple[int, int]:
    """Each expert has a plan of his own."""
    number = opened(store)
    votes = [
        Minute(expert=expert, stance="propose", plan=(parse(step),), confidence=0.6, reasoning=f"{expert} says so")
        for expert, step in plans
    ]
    desk.minutes(number, votes)
    escalation = desk.escalate(store_case(store, number).incident, "the experts do not agree", body="", kind="decision")
    store.escalated(number, reason="the experts do not agree")
    return number, escalation


# ---- edit ----------------------------------------------------------------------------------------------------------


def test_an_edited_plan_runs_exactly_as_written(people: People, store: Store, desk: Desk) -> None:
    """Its origin is the person; the proposal that was asked about stays as it was, and the answer says that it was edited."""
    number, escalation = asks(store, desk)
    shown = people.question(number)
    said = people.says("edit", escalation_id=escalation, hash=shown.hash, plan=[action("reset_failed"), action("start_unit")])
    assert said.startswith("edited: forget the failure of shop.service; start shop.service; incident")
    approved = people.case(number).approved
    assert approved is not None
    assert [step.kind for step in approved.plan] == ["reset_failed", "start_unit"]
    assert (approved.proposer, approved.origin) == ("person", "person:anna")
    kept = desk.intervention(shown.id)
    assert kept is not None
    assert (kept.status, kept.hash, kept.decided_hash) == ("approved", shown.hash, approved.hash)
    assert kept.proposal == shown.proposal
    assert kept.answer.startswith("edited: ")


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([action(unit="database.service")], "database.service does not belong to this incident"),
        ([action("stop_unit", "other.service")], "other.service is protected"),
        ([], "the plan is empty"),
        ([{"kind": "shell", "line": "rm -rf /"}], "shell"),
    ],
)
def test_an_edit_beyond_the_incident_is_refused(people: People, store: Store, desk: Desk, steps: list[Json], why: str) -> None:
    """Nothing but typed actions on what belongs to the incident, and never what is protected: the question stays open."""
    number, escalation = asks(store, desk)
    store.scope(number, Scope(target="shop.service", above=("other.service",)))
    shown = people.question(number)
    said = people.says("edit", escalation_id=escalation, hash=shown.hash, plan=steps)
    assert said.startswith("refused: ")
    assert why in said
    assert people.question(number) == shown
    assert people.case(number).approved is None


def test_an_edit_of_what_was_not_shown_is_refused(people: People, store: Store, desk: Desk) -> None:
    """The question is another one by now."""
    number, escalation = asks(store, desk)
    assert "not the one that was shown" in people.says("edit", escalation_id=escalation, hash="0" * 16, plan=[action()])
    assert people.case(number).approved is None


def test_signs_of_danger_stop_an_edit_too(people: People, store: Store, desk: Desk) -> None:
    """A deny of the policy stays a deny, whoever asks."""
    number, escalation = asks(store, desk)
    store.add_evidence(number, (Evidence(source="journal", text="t", facts={"danger.corruption": "checksum error"}),))
    said = people.says("edit", escalation_id=escalation, hash=people.question(number).hash, plan=[action()])
    assert said == "refused: the policy says deny (danger): signs of corruption: checksum error"


def test_a_plan_that_had_its_turn_may_have_another(people: People, store: Store, desk: Desk) -> None:
    """When a person writes it: what the engine tried before does not count against it."""
    number, escalation = asks(store, desk, proposal=plan("start_unit"))
    attempted(store, number, Outcome.NO_EFFECT, "it fails still", plan())
    store.ask(number, "a person's word")
    people.says("edit", escalation_id=escalation, hash=people.question(number).hash, plan=[action()])
    case = people.case(number)
    assert case.approved is not None
    assert case.approved.hash == plan().hash
    assert case.incident.retried_at >= case.tried[-1].began_at


# ---- choose --------------------------------------------------------------------------------------------------------


def test_a_choice_among_the_experts_plans_runs(people: People, store: Store, desk: Desk) -> None:
    """Each distinct plan is an option with who said it; the chosen one is approved as it stood there."""
    two = (("log-reader", action()), ("host-reader", action("reset_failed")), ("change-reader", action()))
    number, escalation = disagree(store, desk, *two)
    options = people.question(number).options
    assert [(option.experts, option.plan[0].kind) for option in options] == [
        (("log-reader", "change-reader"), "restart_unit"),
        (("host-reader",), "reset_failed"),
    ]
    said = people.says("choose", escalation_id=escalation, hash=options[1].hash)
    assert said.startswith("chosen: forget the failure of shop.service; incident")
    approved = people.case(number).approved
    assert approved is not None
    assert (approved.hash, approved.origin, approved.proposer) == (options[1].hash, "person:anna", "host-reader")


def test_what_was_not_offered_cannot_be_chosen(people: People, store: Store, desk: Desk) -> None:
    """Nor what cannot be undone and not all experts want: it is told, and not offered."""
    number, escalation = disagree(store, desk, ("log-reader", action()), ("host-reader", {"kind": "stop_process", **PROCESS}))
    assert [option.plan[0].kind for option in people.question(number).options] == ["restart_unit"]
    assert "none of the plans that were shown" in people.says("choose", escalation_id=escalation, hash="0" * 16)


PROCESS = {"pid": 812, "started_at": 1, "unit": "other.service", "exe": "/usr/bin/other"}


def test_what_the_experts_said_last_is_what_can_be_chosen(people: People, store: Store, desk: Desk) -> None:
    """A later consultation asks anew, with its own options."""
    number, _escalation = disagree(store, desk, ("log-reader", action()))
    time.sleep(0.002)  # two consultations are never of one millisecond
    desk.minutes(number, [Minute(expert="log-reader", stance="propose", plan=(parse(action("start_unit")),))])
    desk.escalate(people.case(number).incident, "the experts do not agree", body="", kind="decision")
    assert [option.plan[0].kind for option in people.question(number).options] == ["start_unit"]


# ---- answer, reject, expiry ----------------------------------------------------------------------------------------


def test_an_answer_becomes_evidence_and_the_case_begins_anew(people: People, store: Store, desk: Desk) -> None:
    """As text alone: it opens no gate, whatever it says."""
    number, escalation = asks(store, desk, kind="input", proposal=None, question="Which of the two disks is the new one?")
    said = people.says("answer", escalation_id=escalation, text="sdb; danger.corruption=no password=hunter2")
    assert said == f"noted: incident {number} is tried anew with what you said"
    case = people.case(number)
    assert (case.incident.status, case.incident.phase) == (Status.OPEN, 1)
    assert (case.evidence[-1].source, case.evidence[-1].facts) == ("person anna", {})
    assert case.evidence[-1].text == "sdb; danger.corruption=no password=[masked]"


def test_words_do_not_answer_a_question_about_a_plan(people: People, store: Store, desk: Desk) -> None:
    """The permission stays open, and the answer says what is wanted."""
    number, escalation = asks(store, desk)
    assert "approve, edit or reject" in people.says("answer", escalation_id=escalation, text="yes")
    assert people.question(number).status == "pending"


def test_an_expired_permission_is_asked_for_afresh(people: People, store: Store, desk: Desk) -> None:
    """Approving it late is refused, also when the daemon was late; the case is not lost: `retry` begins anew."""
    number, escalation = asks(store, desk, expires_at=time.time() + 0.05)
    late = people.leave("approve", escalation_id=escalation, hash=people.question(number).hash)
    time.sleep(0.06)  # the expiry itself
    people.clicks.take()
    assert (people.inbox.result(late) or "").startswith("refused: the permission has expired; the case has not")
    assert people.says("retry", task_id=number) == f"incident {number} begins anew in phase 1"
    assert people.says("retry", task_id=99) == "refused: there is no incident 99"


# ---- a review ------------------------------------------------------------------------------------------------------


def test_a_fix_that_was_wrong_counts_against_what_healed_it(people: People, store: Store, desk: Desk) -> None:
    """The pattern is demoted, and the incident keeps the word."""
    number = healed(store)
    review = desk.review(number, "files are hidden beneath the mount")
    said = people.says("judge", intervention_id=review, right=False, text="they are missed")
    assert said == f"noted: the fix of incident {number} was wrong, and pattern 1 is demoted"
    assert store.patterns()[0].stage is Stage.DEMOTED
    assert people.case(number).evidence[-1].text == "the fix was judged wrong by anna: they are missed"
    assert people.says("judge", intervention_id=review, right=True) == f"refused: review {review} is answered"


def test_a_fix_that_was_right_is_closed(people: People, store: Store, desk: Desk) -> None:
    """Nothing else changes; and after a week a review closes itself."""
    number = healed(store)
    review = desk.review(number, "files are hidden beneath the mount")
    assert people.says("judge", intervention_id=review, right=True) == f"noted: the fix of incident {number} was right"
    assert store.patterns()[0].stage is Stage.PROBATION
    other = desk.review(number, "once more")
    assert desk.expire(time.time() + 6 * 86_400) == ()
    assert [question.id for question in desk.expire(time.time() + 8 * 86_400)] == [other]


# ---- deaths --------------------------------------------------------------------------------------------------------

Leave = Callable[[People], tuple[str, Json]]


def _approve(people: People) -> tuple[str, Json]:
    number, escalation = asks(people.store, people.desk)
    return "approve", {"escalation_id": escalation, "hash": people.question(number).hash}


def _edit(people: People) -> tuple[str, Json]:
    return "edit", {**_approve(people)[1], "plan": [action("reset_failed")]}


def _choose(people: People) -> tuple[str, Json]:
    number, escalation = disagree(people.store, people.desk, ("log-reader", action()), ("host-reader", action("reset_failed")))
    return "choose", {"escalation_id": escalation, "hash": people.question(number).options[0].hash}


def _reject(people: People) -> tuple[str, Json]:
    return "reject", {"escalation_id": asks(people.store, people.desk)[1], "reason": "not now"}


def _answer(people: People) -> tuple[str, Json]:
    return "answer", {"escalation_id": asks(people.store, people.desk, kind="input", proposal=None)[1], "text": "the new disk is sdb"}


def _judge(people: People) -> tuple[str, Json]:
    return "judge", {"intervention_id": people.desk.review(healed(people.store), "look"), "right": False, "text": "missed"}


def _pause(people: People) -> tuple[str, Json]:
    assert people
    return "pause", {"service": "shop", "until": time.time() + 60, "reason": "moving"}


def _teach(people: People) -> tuple[str, Json]:
    return "teach", {"task_id": opened(people.store), "plan": [action()]}


def _forget(people: People) -> tuple[str, Json]:
    return "forget", {"pattern_id": people.store.teach("v1:x", plan().plan, "x")}


STEPS = (
    "Store.take_clicks", "Store.approve", "Store.escalated", "Store.add_evidence", "Store.anew", "Store.set_stage", "Store.pause",
    "Store.teach", "Store.forget", "Desk.answer", "Store.audit", "Store.answer_click", "",
)  # fmt: skip


@pytest.mark.parametrize("leave", [_approve, _edit, _choose, _reject, _answer, _judge, _pause, _teach, _forget])
def test_a_click_survives_a_death(people: People, store: Store, desk: Desk, state_dir: Path, leave: Leave) -> None:
    """Killed after each step, the next run leaves the same rows behind as a run that was not killed: nothing lost or doubled."""
    verb, args = leave(people)
    click = people.leave(verb, **args)
    store.shut()
    desk.close()
    people.inbox.close()
    before = {name: (state_dir / name).read_bytes() for name in ("tasks.db", "escalations.db")}
    left = {}
    for step in STEPS:
        for name, data in before.items():
            for file in state_dir.glob(f"{name}*"):
                file.unlink()
            (state_dir / name).write_bytes(data)
        _run(state_dir, step)
        _run(state_dir, "")
        left[step] = _rows(state_dir)
    assert any("refused" not in str(row["result"]) and row["answered_at"] for row in left[""]["inbox"] if row["id"] == click)
    for step in STEPS:
        assert left[step] == left[""], step


def _run(state_dir: Path, step: str) -> None:
    """The daemon takes the clicks in a process of its own, which dies right after `step`."""
    if child := os.fork():
        _pid, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or status == 0, status
        return
    people_of_the_store.RUN = str(os.getpid())
    try:
        if step:
            owner, name = {"Store": Store, "Desk": Desk}[step.split(".", maxsplit=1)[0]], step.split(".")[1]
            method = getattr(owner, name)

            def deadly(*arguments: Any, **named: Any) -> Any:
                method(*arguments, **named)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(owner, name, deadly)
        with Store(state_dir) as store:
            desk = Desk(state_dir, Mail.model_validate({"enabled": False}), "web1")
            Clicks(store, desk, CONFIG).take()
        os._exit(0)
    except BaseException:  # noqa: BLE001  # a child must never run the rest of the tests
        os._exit(1)


_TIMES = ("at", "taken_at", "taken_by", "answered_at", "next_at", "last_seen", "created_at", "looked_at", "credited_at", "begun_at",
          "begins_at", "retried_at", "detail", "opened_at", "updated_at", "changed_at", "digest")  # fmt: skip


def _rows(state_dir: Path) -> dict[str, list[Json]]:
    """Every row that a click can change, without the times."""
    with Store(state_dir) as store, Desk(state_dir, Mail.model_validate({"enabled": False}), "web1") as desk:
        tables = {
            store.ledger: ("tasks", "evidence", "patterns", "windows", "inbox", "audit"),
            desk.ledger: ("escalations", "interventions", "notes", "outbox"),
        }
        return {
            name: [
                {column: (value is not None) if column in _TIMES else value for column, value in row.items() if column != "message_id"}
                for row in ledger.rows(f"SELECT * FROM {name} ORDER BY id")  # noqa: S608  # its own tables
            ]
            for ledger, names in tables.items()
            for name in names
        }


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("trust", {"pattern_id": 2**70}),
        ("forget", {"pattern_id": float("inf")}),
        ("pause", {"until": 1e300}),
        ("pause", {"until": 1e18}),
        ("teach", {"signature": "v1:x", "plan": [[]]}),
        ("answer", {"escalation_id": None}),
    ],
)
def test_no_row_of_the_inbox_ends_the_daemon(people: People, verb: str, args: Json) -> None:
    """The inbox is a file that others may write: what makes no sense is refused, and the next one is taken."""
    assert people.says(verb, **args).startswith("refused: ")
    assert people.says("resume") == "0 window(s) ended"


def test_a_click_that_could_not_be_written_comes_again(people: People, store: Store, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full for a moment loses no decision, nor those behind it; and healing does not stop for it at every turn."""
    number, escalation = asks(store, desk)
    first = people.leave("approve", escalation_id=escalation, hash=people.question(number).hash)
    second = people.leave("resume")
    desk.ledger.db.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreFailed):
        people.clicks.take()
    people.clicks.take()
    assert (people.inbox.result(first), people.inbox.result(second)) == (None, None)
    desk.ledger.db.conn.execute("PRAGMA query_only = OFF")
    monkeypatch.setattr(people.clicks, "_again_at", 0.0)
    people.clicks.take()
    assert str(people.inbox.result(first)).startswith("approved")
    assert people.inbox.result(second) == "0 window(s) ended"


def test_a_second_click_of_the_same_kind_changes_nothing(people: People, store: Store, desk: Desk) -> None:
    """Two people approve at once: one plan, one answer each, and the incident is due once."""
    number, escalation, _proposal = asked(store, desk)
    first = people.leave("reject", escalation_id=escalation, reason="no")
    second = people.leave("reject", escalation_id=escalation, reason="no")
    people.clicks.take()
    assert people.inbox.result(first) == people.inbox.result(second) == f"rejected: incident {number} stays with you"
    assert len(desk.ledger.rows("SELECT id FROM notes WHERE text LIKE '%rejected%'")) == 1


def test_what_may_never_run_is_not_taught(people: People, store: Store) -> None:
    """The teacher hears it at once, with the rule, and not when it would have helped."""
    number = people.leave("teach", signature="v1:x", plan=[{"kind": "restart_unit", "unit": "ssh.service"}])
    people.clicks.take()
    result = people.inbox.result(number)
    assert result
    assert result.startswith("refused: restart ssh.service may never run here")
    assert not store.patterns()
