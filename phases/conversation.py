"""Research by a model: a bounded talk in which it may ask for looks, and that ends with a plan from the list, or with none.

Each answer is one JSON object. What does not hold is told once, then it is an abstention; so is every failure of the model.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import ValidationError

from escalation.text import one_line
from orchestrator.knowledge.memory import RESEARCHER
from orchestrator.knowledge.reading import problems
from orchestrator.model import Action, Case, Evidence, Json, Minute, Proposal, Word
from orchestrator.store import Anomaly
from phases.ballot import Ballot, ungrounded, words
from phases.briefing import RULES, case_document, fitting, names_of, shown
from phases.looks import Look
from phases.models import Asking, ModelFailed, Models, Reply, Turn, Usage
from phases.said import MOST_LOOKS, MOST_STEPS, Said, schema
from phases.telling import evidence_item, once_more, own_words, user

_ROLE = """
You are the researcher. Each of your answers has one `step`:
- `look`: ask for up to 4 of the offered `looks` by name, if what they show can decide between causes. The result is the next message.
- `propose`: the cause, the evidence that it rests on, and a plan of at most 6 ids of `candidates`.
- `nothing`: no candidate fits. `person`: a person must decide. Say why in `reason`.
Fields that a step does not need are empty. You have few answers: look at what decides, then decide. Consider at least one other cause
before you propose (`alternatives`).
"""
SYSTEM = RULES + _ROLE
_CALL_SECONDS = 120.0
"""One answer may take so long; a model that thinks longer is taken for one that hangs."""
_LEAST_SECONDS = 3.0
_RESERVE_SECONDS = 15.0
"""Kept of the phase's time for the beginning of what was proposed."""
_KEPT = 10

See = Callable[[Sequence[Look]], tuple[Evidence, ...]]
"""Takes looks and stores what they bring: the ids are those of the incident's evidence."""


class Talked(Word):
    """How a talk ended."""

    minute: Minute
    plan: tuple[Action, ...] = ()
    seen: tuple[int, ...] = ()
    ruled_out: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        return self.minute.reasoning


class Conversation:
    """One talk about one case."""

    def __init__(
        self,
        case: Case,
        models: Models,
        looks: Mapping[str, Look],
        see: See,
        anomalies: Sequence[Anomaly] = (),
        remembered: Sequence[Json] = (),
    ) -> None:
        self._case = case
        self._models = models
        self._looks = looks
        self._see = see
        self._anomalies = anomalies
        self._remembered = remembered
        self._ballot = Ballot("a", [(action,) for action in case.candidates])
        self._shown = {item.id: item for item in fitting(shown(case), case)}
        self._taken: dict[str, int] = {}
        self._model = ""
        self._used: list[Usage] = []
        self._seconds = 0.0
        self._last: Said | None = None

    def hold(self, turns: int, deadline: float) -> Talked:
        """At most so many answers, and one more for one that had to be repaired; never beyond the deadline."""
        until = deadline - min(_RESERVE_SECONDS, max(0.0, deadline - time.monotonic()) / 4)
        talk = [Turn(role="user", text=self._opening(turns))]
        left, repaired = turns, False
        while True:
            try:
                reply = self._ask(talk, until)
            except ModelFailed as failed:
                self._used += [failed.used] if failed.used else []
                return self._ended("failed", "; ".join(filter(None, (f"{failed.kind}: {failed.reason}", failed.mend))))
            said, problem = self._read(reply.answer, last=left <= 1)
            if problem and repaired:
                return self._ended("failed", f"its answer does not hold, twice: {problem}")
            if problem:
                repaired = True
                talk += once_more(reply.answer, problem)
                continue
            left -= 1
            if said is None or said.step != "look":
                return self._decided(said)
            talk += [own_words(said.model_dump()), user(self._looked(said.looks, left))]

    def _opening(self, turns: int) -> str:
        return case_document(
            self._case,
            shown(self._case),
            self._anomalies,
            candidates=self._ballot.as_json(),
            candidates_left_out=self._ballot.left_out,
            you_remember=list(self._remembered),
            looks=list(self._looks),
            answers_left=turns,
        )

    def _ask(self, talk: Sequence[Turn], until: float) -> Reply:
        left = until - time.monotonic()
        if left < _LEAST_SECONDS:
            raise ModelFailed("late", "the phase's time is used up")
        asking = Asking(
            incident=self._case.incident.id,
            phase=self._case.incident.phase,
            expert=RESEARCHER,
            system=SYSTEM,
            turns=tuple(talk),
            answer_schema=schema(self._ballot.ids, tuple(self._looks)),
        )
        began = time.monotonic()
        try:
            reply = self._models.ask(asking, began + min(_CALL_SECONDS, left))
        finally:
            self._seconds += time.monotonic() - began
        self._used.append(reply)
        self._model = words(reply.model)[:200]
        return reply

    def _read(self, answer: Json, *, last: bool) -> tuple[Said | None, str]:
        """The answer, or what is wrong with it."""
        try:
            said = self._last = Said.model_validate(answer)
        except ValidationError as error:
            return None, one_line(problems(error), 500)
        if said.step == "look":
            return said, "this was the last answer with a look: only propose, nothing and person count now" if last else self._no_look(said)
        return said, self._no_plan(said) if said.step == "propose" else ""

    def _no_look(self, said: Said) -> str:
        if not 0 < len(said.looks) <= MOST_LOOKS:
            return f"looks: {len(said.looks)} of them; from 1 to {MOST_LOOKS}"
        strange = [name for name in said.looks if name not in self._looks]
        return f"looks: {one_line(strange[0], 60)!r} is not offered" if strange else ""

    def _no_plan(self, said: Said) -> str:
        if not said.cause.strip():
            return "cause: it is empty"
        if problem := ungrounded(said.evidence, self._shown) or self._ballot.problem(said.plan, MOST_STEPS):
            return problem
        proposal = Proposal(cause="", plan=self._ballot.plan(said.plan), proposer="")
        return "plan: exactly this was tried in vain" if self._case.has_tried(proposal) else ""

    def _looked(self, names: Sequence[str], left: int) -> Json:
        new = [name for name in dict.fromkeys(names) if name not in self._taken]
        brought = self._see([self._looks[name] for name in new])
        self._taken |= {name: item.id for name, item in zip(new, brought, strict=True)}
        fits = fitting(brought, self._case)
        self._shown |= {item.id: item for item in fits}
        known = names_of(self._case)
        told: Json = {"evidence": [evidence_item(item, known) for item in fits], "answers_left": left}
        if len(new) < len(names):
            told["looked_at_before"] = {name: self._taken[name] for name in names if name not in new}
        if left <= 1:
            told["say"] = "This is your last answer: only propose, nothing and person count now."
        return told

    def _decided(self, said: Said | None) -> Talked:
        if said is None:
            return self._ended("failed", "no answer")
        if said.step != "propose":
            stance: Literal["nothing", "person"] = "person" if said.step == "person" else "nothing"
            return self._ended(stance, said.reason or said.cause or "no candidate fits")
        return self._ended("propose", said.cause, self._ballot.plan(said.plan))

    def _ended(self, stance: Literal["propose", "nothing", "person", "failed"], reasoning: str, plan: tuple[Action, ...] = ()) -> Talked:
        settings, said = self._models.settings(0), self._last
        decided = said if stance != "failed" else None
        minute = Minute(
            expert=RESEARCHER,
            backend=settings.backend,
            model=self._model or settings.model,
            stance=stance,
            plan=plan,
            confidence=min(1.0, max(0.0, decided.confidence)) if decided and decided.confidence == decided.confidence else 0.0,  # NaN
            reasoning=words(reasoning),
            evidence_ids=tuple(dict.fromkeys(number for number in decided.evidence if number in self._shown)) if decided else (),
            tokens_in=sum(used.tokens_in for used in self._used),
            tokens_out=sum(used.tokens_out for used in self._used),
            dollars=sum(used.dollars for used in self._used),
            seconds=self._seconds,
        )
        also = [f"also possible: {text}" for text in said.alternatives[:_KEPT]] if said else []
        return Talked(
            minute=minute,
            plan=plan,
            seen=tuple(self._shown),
            ruled_out=_kept(said.ruled_out if said else ()),
            open_questions=_kept((*(said.open_questions[:_KEPT] if said else ()), *also)),
        )


def _kept(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(words, texts[: 2 * _KEPT])))
