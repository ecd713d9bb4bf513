"""A vote by a model: what one expert is asked, blind and on his own evidence, and what of his answer counts.

He chooses one whole plan by its id, or nothing, or a person. What does not hold is told him once; who still cites nothing that he was
shown has said nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import ValidationError

from escalation.text import one_line
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.memory import Recall
from orchestrator.knowledge.reading import problems
from orchestrator.model import Action, Case, Evidence, Json, Minute, Word
from orchestrator.store import Anomaly
from phases.ballot import Ballot, Plan, hash_of, ungrounded, words
from phases.briefing import RULES, case_document, fitting
from phases.meeting import Said
from phases.models import Asking, ModelFailed, Models, Reply, Turn
from phases.telling import once_more

_LEAST_SECONDS = 2.0
_ROLE = """
You are one of three experts who are asked about this case at the same time. Nobody hears another; code counts. Here `plans` takes the
place of `candidates`: each is whole, and you choose one by its id. A plan that can be undone, or is of low risk, needs two of three; one
that cannot, all three. You see your own part of the evidence only: where it does not tell, say `nothing`, and do not guess what the
others see. Your answer has:
- `stance`: `choose` a plan, `nothing` (none of them removes the cause, or your evidence does not tell), or `person`.
- `plan`: for `choose` one id of `plans`, else empty.
- `cause`: what began it, in one or two sentences; for `nothing` and `person`: why.
- `evidence`: the ids that this rests on. A vote that cites none that you were shown is not counted.
- `otherwise`: what else would explain what you see, and what speaks against that.
"""
_REVIEWER = """
You review the plans of others, who are asked about this case at the same time and whom you do not hear. Here `plans` takes the place of
`candidates`. You do not choose: you name those that would do harm here, and these fall. Your answer has:
- `harmful`: for each such plan its id (`plan`), the ids of the evidence that shows the harm (`evidence`; without it your word is not
  counted), and `why`. Empty when none would do harm: that is the usual answer.
- `reason`: what you looked at, in one or two sentences.
"""
_SPECIALIST = "\nWho you are: {name}. {about}\n{brief}"


class Vote(Word):
    stance: Literal["choose", "nothing", "person"]
    plan: str
    cause: str
    evidence: tuple[int, ...]
    otherwise: str


class Harm(Word):
    plan: str
    evidence: tuple[int, ...]
    why: str


class Review(Word):
    harmful: tuple[Harm, ...]
    reason: str


class Voting:
    """One round about one case."""

    def __init__(self, case: Case, plans: Sequence[Plan], models: Models, anomalies: Sequence[Anomaly], recall: Recall) -> None:
        self._case = case
        self._ballot = Ballot("p", plans)
        self._models = models
        self._anomalies = anomalies
        self._recall = recall

    def ask(self, expert: Expert, seat: int, until: float) -> Said:
        """His vote, or his review where he has a veto. Raises ModelFailed."""
        return _Talk(self._case, self._ballot, self._models, expert, seat, until).hold(self._asking(expert, seat))

    def failed(self, expert: Expert, seat: int, why: str, seconds: float) -> Minute:
        of = self._models.settings(seat)
        return Minute(expert=expert.name, backend=of.backend, model=of.model, stance="failed", reasoning=words(why), seconds=seconds)

    def _asking(self, expert: Expert, seat: int) -> Asking:
        role = _REVIEWER if expert.vetoes else _ROLE
        told = {"plans": self._ballot.as_json(), "you_remember": list(self._recall(self._case, expert.name))}
        document = case_document(self._case, expert.evidence(self._case), self._anomalies, **told)
        return Asking(
            incident=self._case.incident.id,
            phase=self._case.incident.phase,
            expert=expert.name,
            seat=seat,
            system=RULES + role + _SPECIALIST.format(name=expert.name, about=expert.about, brief=expert.brief),
            turns=(Turn(role="user", text=document),),
            answer_schema=_review_schema(self._ballot.ids) if expert.vetoes else _vote_schema(self._ballot.ids),
        )


class _Talk:
    """One expert's asking: his answer, and once more if it does not hold."""

    def __init__(self, case: Case, ballot: Ballot, models: Models, expert: Expert, seat: int, until: float) -> None:
        self._ballot = ballot
        self._models = models
        self._expert = expert
        self._seat = seat
        self._until = until
        self._shown: Mapping[int, Evidence] = {item.id: item for item in fitting(expert.evidence(case), case)}
        self._replies: list[Reply] = []

    def hold(self, asking: Asking) -> Said:
        read: Callable[[Json], tuple[Vote | Review | None, str]] = self._review if self._expert.vetoes else self._vote
        answer, problem = read(self._reply(asking))
        if problem and self._until - time.monotonic() > _LEAST_SECONDS:
            again = asking.model_copy(update={"turns": (*asking.turns, *once_more(self._replies[-1].answer, problem))})
            answer, problem = read(self._reply(again))
        if answer is None:
            raise ModelFailed("garbage", problem)
        return self._reviewed(answer) if isinstance(answer, Review) else self._voted(answer, problem)

    def _reply(self, asking: Asking) -> Json:
        self._replies.append(self._models.ask(asking, self._until))
        return self._replies[-1].answer

    def _vote(self, answer: Json) -> tuple[Vote | None, str]:
        """What he said, and what of it does not hold."""
        try:
            vote = Vote.model_validate(answer)
        except ValidationError as error:
            return None, one_line(problems(error), 500)
        match vote.stance:
            case "choose":
                chosen = [vote.plan] if vote.plan else []
                return vote, self._ballot.problem(chosen, 1) or ungrounded(vote.evidence, self._shown)
            case "person":
                return vote, "" if set(vote.evidence) & set(self._shown) else "evidence: cite what you were shown that makes it a person's"
            case "nothing":
                return vote, ""

    def _review(self, answer: Json) -> tuple[Review | None, str]:
        try:
            review = Review.model_validate(answer)
        except ValidationError as error:
            return None, one_line(problems(error), 500)
        found = (self._ballot.problem([harm.plan], 1) or ungrounded(harm.evidence, self._shown) for harm in review.harmful)
        return review, next(filter(None, found), "")

    def _voted(self, vote: Vote, problem: str) -> Said:
        if problem:
            return Said(self._minute("nothing", f"not counted ({problem}): {vote.cause}"))
        stance: Literal["propose", "nothing", "person"] = "propose" if vote.stance == "choose" else vote.stance
        plan = self._ballot.plan([vote.plan]) if stance == "propose" else ()
        also = f" Else: {vote.otherwise}" if vote.otherwise.strip() else ""
        return Said(self._minute(stance, vote.cause + also, vote.evidence, plan))

    def _reviewed(self, review: Review) -> Said:
        """A veto that names no plan of the list, or no evidence that he was shown, is none."""
        held = [harm for harm in review.harmful if not (self._ballot.problem([harm.plan], 1) or ungrounded(harm.evidence, self._shown))]
        vetoes = {hash_of(self._ballot.plan([harm.plan])): words(harm.why) for harm in held}
        told = "; ".join(f"{_about(self._ballot.plan([harm.plan]))}: {harm.why}" for harm in held)
        cited = tuple(number for harm in held for number in harm.evidence)
        return Said(self._minute("veto" if held else "nothing", told or review.reason, cited), vetoes)

    def _minute(
        self, stance: Literal["propose", "nothing", "person", "veto"], said: str, cited: Sequence[int] = (), plan: tuple[Action, ...] = ()
    ) -> Minute:
        settings = self._models.settings(self._seat)
        return Minute(
            expert=self._expert.name,
            backend=settings.backend,
            model=words(self._replies[-1].model or settings.model)[:200],
            stance=stance,
            plan=plan,
            reasoning=words(said),
            evidence_ids=tuple(dict.fromkeys(number for number in cited if number in self._shown)),
            tokens_in=sum(reply.tokens_in for reply in self._replies),
            tokens_out=sum(reply.tokens_out for reply in self._replies),
            dollars=sum(reply.dollars for reply in self._replies),
            seconds=sum(reply.seconds for reply in self._replies),
        )


def _about(plan: Plan) -> str:
    return ", then ".join(action.about() for action in plan)


def _vote_schema(plans: Sequence[str]) -> Json:
    return _object(
        {
            "stance": {"type": "string", "enum": ["choose", "nothing", "person"]},
            "plan": {"type": "string", "enum": ["", *plans], "description": "for `choose`: one id of plans; else empty"},
            "cause": {"type": "string", "description": "what began it all; for `nothing` and `person`: why"},
            "evidence": _numbers("ids of the evidence that this rests on"),
            "otherwise": {"type": "string", "description": "what else would explain it, and what speaks against that"},
        }
    )


def _review_schema(plans: Sequence[str]) -> Json:
    harm = {
        "plan": {"type": "string", "enum": list(plans), "description": "id of a plan that would do harm"},
        "evidence": _numbers("ids of the evidence that shows the harm"),
        "why": {"type": "string"},
    }
    return _object({"harmful": {"type": "array", "items": _object(harm)}, "reason": {"type": "string"}})


def _numbers(about: str) -> Json:
    return {"type": "array", "items": {"type": "integer"}, "description": about}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
