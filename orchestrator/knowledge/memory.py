"""What an expert has seen here before: drawn from verified endings, recalled by structure alone, and told to a model as data.

A memory is words in a prompt. It adds no candidate, opens no gate and counts in no vote (law 5).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from orchestrator.knowledge.retelling import retold
from orchestrator.model import Attempt, Case, Json, Minute, Outcome, Proposal, instance_of
from orchestrator.store import Lesson, Memory, StoreFailed
from orchestrator.store.words import Proved

MOST = 5
RESEARCHER = "researcher"
"""Who remembers for phase 2."""

Recall = Callable[[Case, str], tuple[Json, ...]]
"""What the expert of that name has seen here before, as a model reads it."""

_FAILED: dict[Outcome, Proved] = {Outcome.NO_EFFECT: "no_effect", Outcome.ROLLED_BACK: "rolled_back", Outcome.STRANDED: "stranded"}
_ALIKE = ("the same kind of fault", "the same check, on the same kind of target", "something else of the same service")
_LATELY: dict[Proved, str] = {
    "healed": "it healed",
    "missed": "another plan healed",
    "no_effect": "it changed nothing",
    "rolled_back": "it was undone",
    "stranded": "it could not be undone",
    "relapsed": "it healed, and the fault came back",
    "moot": "what healed instead did not last",
}


def lessons(minutes: Sequence[Minute], ended: Attempt) -> tuple[Lesson, ...]:
    """What the ending of a plan says of those who spoke of it. A plan that none of them chose says nothing of anybody."""
    words = {minute.expert: minute for minute in minutes if minute.stance in ("propose", "person")}  # the last word of each
    chose = {name for name, minute in words.items() if _hash(minute) == ended.proposal.hash}
    if ended.outcome is Outcome.HEALED and chose:
        return tuple(_lesson(minute, "healed" if name in chose else "missed", ended) for name, minute in words.items())
    if failed := _FAILED.get(ended.outcome) if ended.outcome else None:
        return tuple(_lesson(words[name], failed, ended) for name in words if name in chose)
    return ()


def _hash(minute: Minute) -> str:
    return Proposal(cause="", plan=minute.plan, proposer="").hash if minute.stance == "propose" else ""


def _lesson(minute: Minute, proved: Proved, ended: Attempt) -> Lesson:
    kinds = tuple(action.kind for action in minute.plan) if minute.stance == "propose" else ()
    instead = tuple(action.kind for action in ended.proposal.plan) if proved == "missed" else ()
    told = {"fact": minute.reasoning or ended.proposal.cause, "kinds": kinds, "proved": proved, "instead": instead}
    return Lesson.model_validate({"expert": minute.expert, "stance": "propose" if kinds else "person", **told})


def recall(rows: Sequence[Memory], case: Case, expert: str) -> tuple[Memory, ...]:
    """At most five of his, the most alike first, then the best proved: by signature, check and template, or service, never by words."""
    own = [memory for memory in rows if memory.expert == expert and _unlike(memory, case) < len(_ALIKE)]
    best = sorted(own, key=lambda memory: memory.verified_at, reverse=True)
    return tuple(sorted(best, key=lambda memory: (_unlike(memory, case), memory.losses - memory.wins))[:MOST])


def _unlike(memory: Memory, case: Case) -> int:
    """0 is the same; beyond what is told there is nothing alike."""
    if memory.signature == (case.incident.signature or case.fault.signature):
        return 0
    its_own = memory.target == instance_of(case.fault.target)[0]  # what nobody declared is a service of its own
    if its_own and memory.check == case.fault.check:
        return 1
    return 2 if its_own or (memory.service and memory.service == case.scope.service) else len(_ALIKE)


def as_told(memory: Memory, case: Case, *, retell: bool = True) -> Json:
    """As a model reads it: all but `you_said` is of code, and that is retold, since it may quote a log; a person's words stand."""
    known = (case.scope.target, *case.scope.units, *case.scope.paths)
    return {
        "of": _ALIKE[_unlike(memory, case)],
        "you_said": memory.fact if memory.said_by or not retell else retold(memory.fact, known),
        "you_chose": list(memory.kinds) or "a person",
        "record": record(memory.wins, memory.losses),
        "last_time": _LATELY[memory.proved],
        **({"what_healed": list(memory.instead)} if memory.instead else {}),
        "verified": memory.verified_at[:10],
        **({"corrected_by_a_person": True} if memory.said_by else {}),
    }


def record(wins: int, losses: int) -> str:
    return f"right {times(wins)}, wrong {times(losses)}"


def times(n: int) -> str:
    return "never" if not n else "once" if n == 1 else f"{n} times"


def nobody_remembers(_case: Case, _expert: str) -> tuple[Json, ...]:
    """Where nothing is kept."""
    return ()


def recaller(rows: Callable[[str], Sequence[Memory]], used: Callable[[Sequence[int]], None], *, retell: bool = True) -> Recall:
    """What is told is counted as used, where that can be written. Only for a person's eyes it need not be retold."""

    def tell(case: Case, expert: str) -> tuple[Json, ...]:
        found = recall(rows(expert), case, expert)
        with suppress(StoreFailed):
            if found:
                used([memory.id for memory in found])
        return tuple(as_told(memory, case, retell=retell) for memory in found)

    return tell
