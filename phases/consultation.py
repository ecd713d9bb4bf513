"""Phase 3: three experts who look at different evidence answer independently; code counts the votes, and one who reviews has a veto.

Two of three carry a plan that can be undone or is of low risk; one that cannot be undone needs all three. Without a model the experts'
written opinions vote. With one the models vote first, and what they leave open the written opinions decide as if there were none: a
model adds reach, and never takes any away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from orchestrator.host import View
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.clues import clues
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.memory import Recall, nobody_remembers
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, Action, Answer, Case, HandOver, Minute, Proposal, Risk
from orchestrator.store import Anomaly
from phases import opinions
from phases.ballot import Plan, hash_of, plans_for
from phases.meeting import Meeting, Said
from phases.models import Models
from phases.panel import VOTERS, another, panel
from phases.voting import Voting

MOST_ROUNDS = 3
"""Of one opening of an incident: models whose plans did not help so often do not know it."""
_MAJORITY = 2
_NAME = "consultation"


class Consultation:
    def __init__(
        self,
        roster: Sequence[Expert],
        models: Models,
        books: Sequence[Runbook] = (),
        *,
        embedded: bool = True,
        anomalies: Callable[[], Iterable[Anomaly]] = tuple,
        recall: Recall = nobody_remembers,
    ) -> None:
        """`anomalies` tells what else stands wrong, `recall` what an expert has seen here before.

        `embedded`: whether the written opinions vote, and runbooks propose. Without them a dead voter's vote counts as `nothing`: then a
        model is being measured, and a healing by its stand-in would be credited to it; the vote is still counted in time. What is
        written against a plan counts always: that only ever keeps from acting.
        """
        self._roster = roster
        self._models = models
        self._books = books
        self._embedded = embedded
        self._anomalies = anomalies
        self._recall = recall

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """The plan that enough experts chose without knowing of each other; else a person's word."""
        del view  # an expert reads evidence, and asks the host nothing
        asks = self._models.available and _rounds(case) < MOST_ROUNDS
        plans = plans_for(case, self._written(case)) if asks else ()
        if not plans:
            return self._count(case, self._by_opinions(case, 1) if self._embedded else ())
        said = self._by_models(case, plans, deadline)
        minutes = tuple(one.minute for one in said)
        vetoes = {name: why for one in said for name, why in one.vetoes.items()}
        answer = self._count(case, minutes, vetoes)
        if not self._embedded or not _is_open(case, minutes):
            return answer
        floor = self._by_opinions(case, 2)
        second = self._count(case, floor, vetoes)
        chosen = second if isinstance(second, Proposal) else answer
        return chosen.model_copy(update={"minutes": (*answer.minutes, *second.minutes)})

    def _written(self, case: Case) -> tuple[Proposal, ...]:
        """What runbooks propose now that was not tried before: the evidence may have changed since research."""
        phases = (1, 2) if self._embedded else ()
        return tuple(one for phase in phases for one in runbooks.proposals(self._books, case, case.candidates, phase=phase, proposer=_NAME))

    def _by_opinions(self, case: Case, number: int) -> tuple[Minute, ...]:
        """Only who has an opinion counts, and before all those whose opinion this case calls for."""
        able = [expert for expert in self._roster if expert.opinion]
        voters = panel(able, case, lambda expert: 1 + expert.fit(case) if opinions.speaks(expert, case) else 0)
        return tuple(opinions.vote(expert, case).model_copy(update={"round": number}) for expert in voters)

    def _by_models(self, case: Case, plans: Sequence[Plan], deadline: float) -> tuple[Said, ...]:
        voting = Voting(case, plans, self._models, tuple(self._anomalies()), self._recall)
        meeting = Meeting(
            voting.ask,
            voting.failed,
            lambda asked: another(self._roster, case, lambda expert: expert.fit(case), asked),
            partial(opinions.vote, case=case) if self._embedded else _abstains,
            deadline,
        )
        reviewers = [expert for expert in self._roster if expert.vetoes and expert.evidence(case)]
        return meeting.hold((*panel(self._roster, case, lambda expert: expert.fit(case)), *reviewers))

    def _count(self, case: Case, minutes: tuple[Minute, ...], vetoes: Mapping[str, str] | None = None) -> Answer:
        """With what is written against the plans that were chosen."""
        chosen = list({hash_of(minute.plan): minute.plan for minute in minutes if minute.stance == "propose"}.values())
        written = [(expert, opinions.vetoes(expert, case, chosen)) for expert in self._roster if expert.vetoes]
        number = max((minute.round for minute in minutes), default=1)
        against = tuple(opinions.objection(expert, case, found).model_copy(update={"round": number}) for expert, found in written if found)
        all_of_them = {name: why for _, found in written for name, why in found.items()} | dict(vetoes or {})
        return count(case, (*minutes, *against), all_of_them)


def count(case: Case, minutes: tuple[Minute, ...], vetoes: Mapping[str, str] | None = None) -> Answer:
    """The vote, counted. A plan that nobody shares is an option for a person, never half a majority; so is one that would do harm."""
    persons = [minute for minute in minutes if minute.stance == "person"]
    plans: dict[str, list[Minute]] = {}
    for minute in minutes:
        if minute.stance == "propose":
            plans.setdefault(hash_of(minute.plan), []).append(minute)
    for name, voters in sorted(plans.items(), key=lambda item: len(item[1]), reverse=True):
        needed = _MAJORITY if all(map(_can_be_undone, voters[0].plan)) else VOTERS
        if len(voters) < needed or len(persons) >= _MAJORITY:
            continue
        if why := (vetoes or {}).get(name):
            told = f"{len(voters)} of {VOTERS} experts would {_about(voters[0])}, and the review says that it would do harm: {why}"
            return HandOver(reason=told, kind="decision", evidence_ids=_cited(voters), minutes=minutes)
        return Proposal(
            cause=voters[0].reasoning,
            evidence_ids=_cited(voters),
            plan=voters[0].plan,
            proposer=_NAME,
            origin=f"vote:{len(voters)}/{VOTERS}",
            minutes=minutes,
        )
    if len(persons) >= _MAJORITY:
        return HandOver(reason="; ".join(minute.reasoning for minute in persons), evidence_ids=_cited(persons), minutes=minutes)
    if plans:
        return HandOver(reason=_with_clues("the experts do not agree", case), kind="decision", minutes=minutes)
    ruled_out = tuple(f"{attempt.proposal.cause}: {attempt.outcome}" for attempt in case.tried)
    return Abstain(reason=_with_clues("no expert has a plan", case), ruled_out=ruled_out, minutes=minutes)


def _is_open(case: Case, minutes: tuple[Minute, ...]) -> bool:
    """Whether the models have decided nothing: neither on a plan, though it fell by a veto, nor on a person."""
    persons = sum(minute.stance == "person" for minute in minutes)
    return persons < _MAJORITY and not isinstance(count(case, minutes), Proposal)


def _rounds(case: Case) -> int:
    """How many plans of a vote had their turn since it opened, or a person asked to try anew."""
    since = max(case.incident.opened_at, case.incident.retried_at)
    return sum(attempt.proposal.proposer == _NAME for attempt in case.tried if attempt.began_at >= since)


def _abstains(expert: Expert) -> Minute:
    return Minute(expert=expert.name, stance="nothing", reasoning="no answer, and no written opinion is asked")


def _cited(minutes: Sequence[Minute]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for minute in minutes for number in minute.evidence_ids))


def _about(minute: Minute) -> str:
    return ", then ".join(action.about() for action in minute.plan)


def _with_clues(reason: str, case: Case) -> str:
    """A person begins where the evidence ends."""
    known = clues(case)
    return f"{reason}. What is known: {known}" if known else reason


def _can_be_undone(action: Action) -> bool:
    return action.reversible or action.level is Risk.LOW
