"""The embedded engine in an expert's place: his written opinions, held against his own evidence. Milliseconds, and no money."""

import time
from collections.abc import Mapping, Sequence

from orchestrator.knowledge.conditions import filled, holds
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.plans import variants
from orchestrator.model import Case, Minute, Proposal
from phases.ballot import Plan, hash_of


def vote(expert: Expert, case: Case) -> Minute:
    """His first opinion that his own evidence holds and that leads somewhere new."""
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
    return Minute(expert=expert.name, stance="nothing", reasoning=SILENT, evidence_ids=seen)


SILENT = "my evidence names no cause"


def speaks(expert: Expert, case: Case) -> bool:
    """Whether any of his opinions holds here."""
    return vote(expert, case).reasoning != SILENT


def vetoes(expert: Expert, case: Case, plans: Sequence[Plan]) -> dict[str, str]:
    """Which of the plans would do harm by what he reads: their hashes, and why."""
    facts = expert.facts(case)
    held = [opinion for opinion in expert.opinion if holds(opinion.when, facts)]
    return {hash_of(plan): filled(opinion.reasoning, facts) for plan in plans for opinion in reversed(held) if opinion.forbids(plan)}


def objection(expert: Expert, case: Case, found: Mapping[str, str]) -> Minute:
    """His vetoes, as the minutes keep them."""
    seen = tuple(item.id for item in expert.evidence(case))
    return Minute(expert=expert.name, stance="veto", reasoning="; ".join(dict.fromkeys(found.values())), evidence_ids=seen)


def _untried(steps: tuple[str, ...], case: Case, facts: Mapping[str, str]) -> Plan:
    for plan in variants(steps, case, case.candidates, facts):
        if not case.has_tried(Proposal(cause="", plan=plan, proposer="")):
            return plan
    return ()
