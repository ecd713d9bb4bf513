"""Phase 3: three experts who look at different evidence answer independently; code counts the votes.

Two of three carry a plan that can be undone or is of low risk; one that cannot be undone needs all three.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from orchestrator.host import View
from orchestrator.knowledge.clues import clues
from orchestrator.knowledge.conditions import filled, holds
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.plans import variants
from orchestrator.model import Abstain, Action, Answer, Case, HandOver, Minute, Proposal, Risk

VOTERS = 3
_MAJORITY = 2
_NAME = "consultation"


class Consultation:
    def __init__(self, roster: Sequence[Expert]) -> None:
        self._roster = roster

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """The plan that enough experts chose without knowing of each other; else a person's word."""
        del view  # an expert reads evidence, and asks the host nothing
        with ThreadPoolExecutor(max_workers=VOTERS, thread_name_prefix="expert") as pool:
            votes = [(expert, pool.submit(_vote, expert, case)) for expert in panel(self._roster, case)]
            minutes = tuple(_minute(expert, vote, deadline) for expert, vote in votes)
        return count(case, minutes)


def panel(roster: Sequence[Expert], case: Case) -> tuple[Expert, ...]:
    """Three who differ most: each next one reads what the chosen ones do not, and has evidence to read."""
    chosen: list[Expert] = []
    left = [expert for expert in roster if expert.opinion and expert.evidence(case)]
    while left and len(chosen) < VOTERS:
        read = {source for expert in chosen for source in expert.reads}
        best = max(left, key=lambda expert: (len(set(expert.reads) - read), len(expert.evidence(case)), expert.name))
        chosen.append(best)
        left.remove(best)
    return tuple(chosen)


def count(case: Case, minutes: tuple[Minute, ...]) -> Answer:
    """The vote, counted. A plan that nobody shares is an option for a person, never half a majority."""
    persons = [minute for minute in minutes if minute.stance == "person"]
    plans: dict[str, list[Minute]] = {}
    for minute in minutes:
        if minute.stance == "propose":
            plans.setdefault(_hash(minute), []).append(minute)
    for voters in sorted(plans.values(), key=len, reverse=True):
        needed = _MAJORITY if all(map(_can_be_undone, voters[0].plan)) else VOTERS
        if len(voters) >= needed and len(persons) < _MAJORITY:
            return Proposal(
                cause=voters[0].reasoning,
                evidence_ids=tuple(dict.fromkeys(number for voter in voters for number in voter.evidence_ids)),
                plan=voters[0].plan,
                proposer=_NAME,
                origin=f"vote:{len(voters)}/{len(minutes)}",
                minutes=minutes,
            )
    if len(persons) >= _MAJORITY:
        return HandOver(reason="; ".join(minute.reasoning for minute in persons), minutes=minutes)
    if plans:
        return HandOver(reason=_with_clues("the experts do not agree", case), kind="decision", minutes=minutes)
    ruled_out = tuple(f"{attempt.proposal.cause}: {attempt.outcome}" for attempt in case.tried)
    return Abstain(reason=_with_clues("no expert has a plan", case), ruled_out=ruled_out, minutes=minutes)


def _with_clues(reason: str, case: Case) -> str:
    """A person begins where the evidence ends."""
    known = clues(case)
    return f"{reason}. What is known: {known}" if known else reason


def _hash(minute: Minute) -> str:
    return Proposal(cause="", plan=minute.plan, proposer=_NAME).hash


def _can_be_undone(action: Action) -> bool:
    return action.reversible or action.level is Risk.LOW


def _vote(expert: Expert, case: Case) -> Minute:
    """The embedded engine in the expert's place: his first opinion that his own evidence holds and that leads somewhere new."""
    began = time.monotonic()
    facts = expert.facts(case)
    seen = tuple(item.id for item in expert.evidence(case))
    for opinion in expert.opinion:
        if not holds(opinion.when, facts):
            continue
        plan = _untried(opinion.plan, case, facts) if opinion.stance == "propose" else ()
        if opinion.stance == "propose" and not plan:
            continue
        return Minute(
            expert=expert.name,
            stance=opinion.stance,
            plan=plan,
            confidence=opinion.confidence,
            reasoning=filled(opinion.reasoning, facts),
            evidence_ids=seen,
            seconds=time.monotonic() - began,
        )
    return Minute(expert=expert.name, stance="nothing", reasoning="my evidence names no cause", evidence_ids=seen)


def _untried(steps: tuple[str, ...], case: Case, facts: Mapping[str, str]) -> tuple[Action, ...]:
    for plan in variants(steps, case, case.candidates, facts):
        if not case.has_tried(Proposal(cause="", plan=plan, proposer=_NAME)):
            return plan
    return ()


def _minute(expert: Expert, vote: "Future[Minute]", deadline: float) -> Minute:
    """His vote, or that he failed: a dead voter is told, and never waited for."""
    try:
        return vote.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return Minute(expert=expert.name, stance="failed", reasoning="no answer in time")
    except Exception as error:  # noqa: BLE001  # one broken expert must not end the vote
        return Minute(expert=expert.name, stance="failed", reasoning=f"{type(error).__name__}: {error}")
