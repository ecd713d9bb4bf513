"""What an expert says who was asked by a person, what his role file alone says, and what several of them agree on."""

from collections.abc import Sequence

from escalation.text import one_line
from orchestrator.knowledge.conditions import filled, holds
from orchestrator.knowledge.experts import Expert, Opinion
from orchestrator.model import Case, Json, Word
from phases.models.words import FailureKind
from phases.snapshot import CHECK, FAILED, HOST

_OPINIONS = 5


class Counsel(Word):
    """What one expert says."""

    expert: str
    backend: str = "embedded"
    model: str = ""
    answer: str
    evidence: tuple[int, ...] = ()
    look_next: tuple[str, ...] = ()
    choice: str = ""
    """What he would choose of what could be done, in the words of that action."""
    failed: FailureKind | None = None
    """Why no model answered, though one is configured."""
    why: str = ""
    mend: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    seconds: float = 0.0


def by_role_file(expert: Expert, case: Case, remembered: Sequence[Json]) -> Counsel:
    """What is written of him, held against what he reads here. It knows the question no more than a file does."""
    facts = expert.facts(case)
    # Of who only asks nothing is known to be wrong: what holds of nothing at all says nothing here.
    held = [one for one in expert.opinion if holds(one.when, facts) and not (case.fault.check == CHECK and holds(one.when, {}))]
    said = [one_line(f"I am {expert.name}: {expert.about}", 400)]
    said += [f"{item.source}: {one_line(item.text.replace(chr(10), '; '), 600)}" for item in case.evidence if item.source in (HOST, FAILED)]
    said += [f"- {one_line(filled(opinion.reasoning, facts), 600)}{_would(opinion)}" for opinion in held[:_OPINIONS]]
    said += [] if held else ["None of my written opinions holds here."]
    said += [f"I remember: {one_line(_as_words(memory), 600)}" for memory in remembered]
    cited = tuple(item.id for item in expert.evidence(case)) if held else ()
    return Counsel(expert=expert.name, answer="\n".join(said), evidence=cited)


def agreement(said: Sequence[Counsel]) -> dict[str, tuple[str, ...]]:
    """Which choices two or more share, and who: counted here, and by nobody's word."""
    chosen: dict[str, list[str]] = {}
    for counsel in said:
        if counsel.choice:
            chosen.setdefault(counsel.choice, []).append(counsel.expert)
    return {choice: tuple(names) for choice, names in chosen.items() if len(names) > 1}


def _would(opinion: Opinion) -> str:
    match opinion.stance:
        case "propose":
            return f" I would: {'; '.join(opinion.plan)}."
        case "person":
            return " A person should take it."
        case "veto":
            return f" I am against: {'; '.join(opinion.plan) or 'any change'}."
        case "nothing":
            return ""


def _as_words(memory: Json) -> str:
    chose = ", ".join(memory["you_chose"]) if isinstance(memory["you_chose"], list) else memory["you_chose"]
    return f"{memory['of']}: {memory['you_said']} ({chose}; {memory['record']}; last time {memory['last_time']}, {memory['verified']})"
