"""The vote, counted in code."""

from typing import ClassVar, Literal

from orchestrator.knowledge.experts import Expert, load
from orchestrator.model import Abstain, Action, Case, Evidence, Fault, HandOver, Incident, Minute, Proposal, Risk, Scope
from phases.consultation import count, panel

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


def test_the_panel_reads_different_evidence() -> None:
    """Three who read the same are one vote: each chosen expert adds sources."""
    case = CASE.model_copy(
        update={
            "evidence": tuple(
                Evidence(id=n, source=source, text="") for n, source in enumerate(("journal_lines", "unit_state", "configuration"), 1)
            )
        }
    )
    experts = panel(load(), case)
    assert len(experts) == 3
    assert len({source for expert in experts for source in expert.reads}) == sum(len(expert.reads) for expert in experts)


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
