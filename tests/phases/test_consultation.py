"""The vote, counted in code; by the written opinions, and by models."""

import json
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

import pytest

from orchestrator.host import View
from orchestrator.knowledge.experts import Expert, load
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import (
    Abstain,
    Action,
    Answer,
    Case,
    Evidence,
    Fault,
    HandOver,
    Incident,
    Json,
    Minute,
    Outcome,
    Proposal,
    Risk,
    Scope,
)
from phases.ballot import MOST_PLANS, hash_of, plans_for
from phases.consultation import MOST_ROUNDS, Consultation, count
from phases.models import Models, Request
from tests.phases.cases import RELOAD, RESTART, START_DB, attempt, nobody
from tests.phases.voters import HARMLESS, Voters, chooses, harmful, plan_id, told, vote, well_read_case

CASE = Case(
    incident=Incident(id=1, fault=Fault(check="c", target="a.service", reason="Broken", message="m"), detected_at=0.0),
    scope=Scope(target="a.service"),
)


class Mend(Action):
    """An action that can be undone."""

    kind: Literal["mend"] = "mend"
    unit: str = "a.service"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True

    def targets(self) -> tuple[str, ...]:
        return (self.unit,)

    def about(self) -> str:
        return f"mend {self.unit}"

    def do(self, machine: object) -> str:
        del machine
        raise AssertionError("a vote does nothing")

    def verify(self, view: object) -> str:
        del view
        raise AssertionError("a vote proves nothing")


class Burn(Mend):
    """One that cannot."""

    kind: Literal["burn"] = "burn"  # type: ignore[assignment]  # another kind of the same shape
    reversible: ClassVar[bool] = False


def _vote(expert: str, stance: str, *plan: Action) -> Minute:
    return Minute.model_validate({"expert": expert, "stance": stance, "plan": plan, "evidence_ids": (1,)})


def test_two_of_three_carry_a_plan_that_can_be_undone() -> None:
    """2/3 for reversible."""
    answer = count(CASE, (_vote("a", "propose", Mend()), _vote("b", "propose", Mend()), _vote("c", "nothing")))
    assert isinstance(answer, Proposal)
    assert answer.origin == "vote:2/3"
    assert len(answer.minutes) == 3


def test_what_cannot_be_undone_needs_all_three() -> None:
    """3/3 for irreversible."""
    two = count(CASE, (_vote("a", "propose", Burn()), _vote("b", "propose", Burn()), _vote("c", "nothing")))
    three = count(CASE, (_vote("a", "propose", Burn()), _vote("b", "propose", Burn()), _vote("c", "propose", Burn())))
    assert isinstance(two, HandOver)
    assert isinstance(three, Proposal)


def test_three_different_plans_are_a_persons_choice() -> None:
    """No agreement is a decision for a person, with every option kept."""
    answer = count(
        CASE, (_vote("a", "propose", Mend(unit="a.service")), _vote("b", "propose", Mend(unit="b.service")), _vote("c", "nothing"))
    )
    assert isinstance(answer, HandOver)
    assert answer.kind == "decision"
    assert len(answer.minutes) == 3


def test_two_who_want_a_person_outweigh_one_plan() -> None:
    """`a person` is a ballot like any other."""
    answer = count(CASE, (_vote("a", "propose", Mend()), _vote("b", "person"), _vote("c", "person")))
    assert isinstance(answer, HandOver)
    assert answer.kind == "escalation"


def test_failed_voters_are_no_votes() -> None:
    """A single vote is never a majority of those who happened to answer."""
    answer = count(CASE, (_vote("a", "propose", Mend()), _vote("b", "failed"), _vote("c", "failed")))
    assert isinstance(answer, HandOver)


def test_nobody_has_a_plan() -> None:
    """Three times nothing is an abstention."""
    assert isinstance(count(CASE, (_vote("a", "nothing"), _vote("b", "nothing"))), Abstain)


def test_a_plan_that_would_do_harm_falls() -> None:
    """A veto is stronger than any majority; a person hears of the plan, of who wanted it and of the harm, and may choose it."""
    votes = tuple(_vote(name, "propose", Mend()) for name in "abc")
    answer = count(CASE, votes, {hash_of((Mend(),)): "orders would be lost"})
    assert isinstance(answer, HandOver)
    assert answer.kind == "decision"
    assert answer.reason == "3 of 3 experts would mend a.service, and the review says that it would do harm: orders would be lost"


def test_a_veto_against_another_plan_is_none_against_this() -> None:
    """Only the plan that was named falls."""
    votes = tuple(_vote(name, "propose", Mend()) for name in "ab")
    assert isinstance(count(CASE, votes, {hash_of((Burn(),)): "no"}), Proposal)


def test_an_expert_sees_the_ballot_and_his_own_evidence_only() -> None:
    """Blind on purpose: what another reads does not reach him."""
    expert = Expert(name="reader", about="x", reads=("journal",))
    case = CASE.model_copy(
        update={
            "evidence": (
                Evidence(source="journal", text="", facts={"log.config": "x"}),
                Evidence(source="resources", text="", facts={"disk.full": "/"}),
                Evidence(source="candidates", text="", facts={"can.mend": "yes"}),
            )
        }
    )
    assert set(expert.facts(case)) == {"check", "reason", "log.config", "can.mend"}


# ---- by the written opinions -----------------------------------------------------------------------------------------


def _ask(roster: Sequence[Expert], case: Case, models: Models, *, embedded: bool = True) -> Answer:
    consultation = Consultation(roster, models, embedded=embedded)
    return consultation.propose(case, View.__new__(View), time.monotonic() + 20)


def _opinion(name: str, reads: str, stance: str, *plan: str, **when: str) -> Expert:
    opinion = {"when": when, "stance": stance, "plan": plan, "reasoning": f"{name} says so"}
    return Expert.model_validate({"name": name, "about": "x", "reads": (reads,), "vetoes": stance == "veto", "opinion": (opinion,)})


def test_without_a_model_the_written_opinions_vote() -> None:
    """Two who read different things and mean the same."""
    roster = (_opinion("one", "unit_state", "propose", "bring_up"), _opinion("two", "resources", "propose", "bring_up"))
    answer = _ask(roster, well_read_case(), nobody())
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin) == ((RESTART,), "vote:2/3")
    assert {minute.backend for minute in answer.minutes} == {"embedded"}


def test_who_has_something_to_say_is_asked_before_who_has_not() -> None:
    """Of the written opinions those count first that this very case calls for."""
    silent = tuple(_opinion(f"silent-{n}", source, "person", nothing="*") for n, source in enumerate(("memory", "hanging", "listeners")))
    roster = (*silent, _opinion("one", "unit_state", "propose", "bring_up"), _opinion("two", "unit_state", "propose", "bring_up"))
    assert isinstance(_ask(roster, well_read_case(), nobody()), Proposal)


def test_a_written_veto_counts_without_a_model_too() -> None:
    """By the facts that the reviewer reads; the minutes hold it."""
    votes = (_opinion("one", "unit_state", "propose", "bring_up"), _opinion("two", "resources", "propose", "bring_up"))
    answer = _ask((*votes, _opinion("review", "memory", "veto", "restart_unit")), well_read_case(), nobody())
    assert isinstance(answer, HandOver)
    assert "review says so" in answer.reason
    assert [(minute.expert, minute.stance) for minute in answer.minutes][-1] == ("review", "veto")


def test_the_shipped_reviewer_keeps_a_broken_configuration_from_a_restart() -> None:
    """It runs, and would not start again; with the mend before the restart the plan passes."""
    seen = tuple(
        item.model_copy(update={"facts": {"config.test": "fails", "config.changed_recently": "/x"}})
        if item.source == "configuration"
        else item
        for item in well_read_case().evidence
    )
    case = well_read_case().model_copy(update={"evidence": seen})
    answer = _ask(load(), case, nobody())
    assert isinstance(answer, HandOver)
    assert "its own test refuses the configuration" in answer.reason


# ---- by models -------------------------------------------------------------------------------------------------------


def _voters(others: object = HARMLESS, **own: object) -> Voters:
    return Voters(others, **{"blast_radius_reviewer": HARMLESS, **own})  # type: ignore[arg-type]


def test_three_models_carry_a_plan() -> None:
    """Each on his own evidence; what it cost is in the minutes, and the review is among them."""
    voters = _voters(chooses("restart_unit"))
    answer = _ask(load(), well_read_case(), voters.models())
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin, answer.proposer) == ((RESTART,), "vote:3/3", "consultation")
    assert [minute.stance for minute in answer.minutes] == ["propose"] * 3 + ["nothing"]
    assert all(minute.tokens_in == 1000 and minute.dollars == 0.01 and minute.backend == "ollama" for minute in answer.minutes)
    assert set(answer.evidence_ids) <= {item.id for item in well_read_case().evidence}
    assert len(voters.asked) == 4


def test_they_are_blind_and_read_different_things() -> None:
    """No prompt holds what another said, and each holds the evidence that its expert reads and no other."""
    said = "a word of mine alone"
    case = well_read_case()
    voters = _voters(lambda request: {**chooses("restart_unit")(request), "cause": f"{said} {id(request)}"})
    _ask(load(), case, voters.models())
    roster = {expert.name: expert for expert in load()}
    for name, request in voters.asked:
        text = request.system + "".join(turn.text for turn in request.turns)
        assert said not in text
        own = {item.id for item in roster[name].evidence(case)}
        assert {item["id"] for item in told(request)["evidence"]} == own
        others = [item for item in case.evidence if item.id not in own]
        assert not any(f"mark-{item.id - 100}" in text for item in others)
        assert roster[name].brief in request.system
    assert len({name for name, _ in voters.asked}) == 4


def test_the_seats_are_dealt_among_the_models() -> None:
    """With two models configured nobody decides alone."""
    voters = _voters(chooses("restart_unit"))
    other = {"backend": "ollama", "model": "mistral", "url": "http://127.0.0.1:11434"}
    _ask(load(), well_read_case(), voters.models(voter=(other,)))
    assert sorted(request.model for _, request in voters.asked) == ["llama", "llama", "mistral", "mistral"]


def test_a_models_veto() -> None:
    """The reviewer gets the same list, and what he shows to be harmful falls, whoever wants it."""
    voters = _voters(chooses("restart_unit"), blast_radius_reviewer=harmful("restart_unit"))
    answer = _ask(load(), well_read_case(), voters.models())
    assert isinstance(answer, HandOver)
    assert (answer.kind, "it would lose orders" in answer.reason) == ("decision", True)
    review = answer.minutes[3]
    assert (review.expert, review.stance) == ("blast-radius-reviewer", "veto")
    assert review.evidence_ids


@pytest.mark.parametrize("cited", [[], [424242]])
def test_a_veto_without_evidence_is_none(cited: list[int]) -> None:
    """A turned reviewer does not stop the house; and what is written against a plan stays, whatever he says."""
    voters = _voters(
        chooses("restart_unit"),
        blast_radius_reviewer=lambda request: {
            "harmful": [{"plan": plan_id(request, "restart_unit"), "evidence": cited, "why": "no"}],
            "reason": "",
        },
    )
    assert isinstance(_ask(load(), well_read_case(), voters.models()), Proposal)
    written = (*load(), _opinion("careful", "memory", "veto", "restart_unit"))
    assert isinstance(_ask(written, well_read_case(), voters.models()), HandOver)


TURNED: dict[str, Json] = {
    "cites nothing": vote("choose", "p1"),
    "cites what it was not shown": vote("choose", "p1", [424242]),
    "a plan that is not on the list": vote("choose", "p99", [100]),
    "a command in its place": vote("choose", "restart_unit ssh.service", [100]),
    "two at once": {**vote("choose", "p1", [100]), "plan": ["p1", "p2"]},
    "another schema": {"stance": "choose", "actions": [{"kind": "restart_unit", "unit": "ssh.service"}]},
    "an empty object": {},
    "a person, by no evidence": vote("person", cause="trust me"),
}


@pytest.mark.parametrize("answer", TURNED.values(), ids=TURNED)
def test_a_turned_model_decides_nothing(answer: Json) -> None:
    """Once it may repair; then its vote is none, and what is left is decided without it."""
    alone = tuple(expert.model_copy(update={"opinion": ()}) for expert in load())
    got = _ask(alone, well_read_case(), Voters(answer).models())
    assert isinstance(got, Abstain)
    assert {minute.stance for minute in got.minutes} <= {"nothing", "failed"}


def test_an_answer_may_be_repaired_once() -> None:
    """The problem is told in the same talk; what was sent first is paid for too."""

    def second_time(request: Request) -> Json:
        return chooses("restart_unit")(request) if len(request.turns) == 3 else vote("choose", "p1")

    voters = _voters(second_time)
    answer = _ask(load(), well_read_case(), voters.models())
    assert isinstance(answer, Proposal)
    assert {minute.tokens_in for minute in answer.minutes[:3]} == {2000}
    problems = [json.loads(request.turns[-1].text)["problem"] for _, request in voters.asked if len(request.turns) == 3]
    assert len(problems) == 3
    assert all("cite" in problem for problem in problems)


def test_words_of_a_model_are_bounded_and_clean() -> None:
    """One line of 500 characters, without control characters, with secrets masked."""
    said = "\x1b[31mred\npassword=hunter2hunter2 " + "x" * 5000
    voters = _voters(lambda request: {**chooses("restart_unit")(request), "cause": said, "otherwise": said})
    answer = _ask(load(), well_read_case(), voters.models())
    assert isinstance(answer, Proposal)
    assert len(answer.cause) <= 500
    assert answer.cause.isprintable()
    assert "hunter2" not in answer.cause


def test_what_models_leave_open_is_decided_as_without_them() -> None:
    """They add reach and take none away: the written opinions vote in a second round."""
    roster = (*load(), _opinion("one", "unit_state", "propose", "bring_up", check="*"), _opinion("two", "memory", "propose", "bring_up"))
    answer = _ask(roster, well_read_case(), _voters(vote("nothing")).models())
    assert isinstance(answer, Proposal)
    assert {minute.round: minute.backend for minute in answer.minutes} == {1: "ollama", 2: "embedded"}


def test_the_minutes_of_both_rounds_are_kept() -> None:
    """One model's plan that is written to be harmful fell in the first, though nobody shared it; the second found another."""
    silent = tuple(Expert(name=name, about="x", reads=(reads,)) for name, reads in (("first", "resources"), ("other", "answers")))
    speaking = tuple(_opinion(name, reads, "propose", "reload_unit") for name, reads in (("one", "unit_state"), ("two", "memory")))
    roster = (*silent, *speaking, _opinion("review", "listeners", "veto", "restart_unit"))
    voters = Voters(vote("nothing"), review=HARMLESS, one=chooses("restart_unit"))
    answer = _ask(roster, well_read_case(), voters.models())
    assert isinstance(answer, Proposal)
    assert answer.plan == (RELOAD,)
    assert [minute.round for minute in answer.minutes] == sorted(minute.round for minute in answer.minutes)
    assert ("review", 1, "embedded", "veto") in [(one.expert, one.round, one.backend, one.stance) for one in answer.minutes]


def test_two_models_who_want_a_person_are_not_overruled() -> None:
    """Nor is a veto: the written opinions are asked only where nothing was decided."""
    roster = (*load(), _opinion("one", "unit_state", "propose", "bring_up"), _opinion("two", "memory", "propose", "bring_up"))
    person = _voters(lambda request: vote("person", cited=[item["id"] for item in told(request)["evidence"]]))
    answer = _ask(roster, well_read_case(), person.models())
    assert isinstance(answer, HandOver)
    assert {minute.round for minute in answer.minutes} == {1}


def test_with_the_opinions_off_only_models_vote() -> None:
    """Then a model is measured: nothing that is written speaks for a plan, and without one nobody does."""
    roster = (*load(), _opinion("one", "unit_state", "propose", "bring_up"), _opinion("two", "memory", "propose", "bring_up"))
    assert isinstance(_ask(roster, well_read_case(), _voters(vote("nothing")).models(), embedded=False), Abstain)
    assert isinstance(_ask(roster, well_read_case(), nobody(), embedded=False), Abstain)


def test_models_are_not_asked_for_ever() -> None:
    """After so many plans of a vote that did not help they do not know it."""
    tried = tuple(
        attempt(Proposal(cause="c", plan=(RESTART,), proposer="consultation", origin="vote:2/3"), Outcome.NO_EFFECT, n)
        for n in range(MOST_ROUNDS)
    )
    case = well_read_case().model_copy(update={"tried": tried})
    voters = _voters(chooses("reload_unit"))
    _ask(load(), case, voters.models())
    assert voters.asked == []


# ---- the list --------------------------------------------------------------------------------------------------------


def test_the_list_holds_whole_plans_that_were_not_tried() -> None:
    """Bringing the target up, each mend with and without that, each candidate alone; and what runbooks propose."""
    assert plans_for(well_read_case()) == ((RESTART,), (START_DB, RESTART), (RELOAD,), (START_DB,))
    case = well_read_case(RESTART, Mend(), RELOAD)
    tried = attempt(Proposal(cause="c", plan=(RESTART,), proposer="research"), Outcome.ROLLED_BACK)
    assert plans_for(case) == ((RESTART,), (Mend(), RESTART), (Mend(),), (RELOAD,))
    assert plans_for(case.model_copy(update={"tried": (tried,)})) == ((Mend(), RESTART), (Mend(),), (RELOAD,))
    written = Proposal(cause="c", plan=(RELOAD, RESTART), proposer="consultation")
    assert plans_for(case, (written,))[1] == (RELOAD, RESTART)


def test_the_list_is_bounded() -> None:
    """However many candidates there are."""
    assert len(plans_for(well_read_case(RESTART, *(Mend(unit=f"{n}.service") for n in range(100))))) == MOST_PLANS


def test_a_runbook_that_fits_by_now_is_on_the_list() -> None:
    """The evidence may have changed since research."""
    book = Runbook.model_validate(
        {"name": "own", "about": "x", "phase": 2, "when": {"unit.up": "yes"}, "cause": "c", "plan": ("reload_unit", "restart_unit")}
    )
    voters = _voters(chooses("reload_unit", "restart_unit"))
    consultation = Consultation(load(), voters.models(), (book,))
    answer = consultation.propose(well_read_case(), View.__new__(View), time.monotonic() + 20)
    assert isinstance(answer, Proposal)
    assert answer.plan == (RELOAD, RESTART)


def test_with_nothing_to_choose_nobody_is_asked() -> None:
    """A vote on an empty list costs money and changes nothing."""
    voters = _voters(chooses("restart_unit"))
    case = well_read_case().model_copy(update={"candidates": ()})
    assert isinstance(_ask(load(), case, voters.models()), Abstain | HandOver)
    assert voters.asked == []
