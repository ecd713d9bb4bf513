"""Experts who are asked outside of an incident: they answer in words, nothing is carried out, and nothing is counted but equal choices.

With a model he answers from what he is shown; without one, or when it fails, from his role file.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Annotated

from pydantic import Field, ValidationError

from escalation.text import one_line, plain
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.memory import Recall
from orchestrator.knowledge.reading import problems
from orchestrator.model import Case, Evidence, Json, Word
from orchestrator.store import Anomaly, mask
from phases.ballot import Ballot
from phases.briefing import RULES, case_document, fitting, shown
from phases.counsel import Counsel, by_role_file
from phases.models import Asking, ModelFailed, Models, Reply, Turn
from phases.models.child import stop
from phases.snapshot import FAILED, HOST
from phases.telling import once_more

QUESTION_CHARACTERS = 2000
_ANSWER_CHARACTERS, _LINE_CHARACTERS, _NEXT = 4000, 300, 8
_LEAST_SECONDS = 2.0
_ENDING_SECONDS = 0.1
_EVERYBODY = (HOST, FAILED, "unit_state", "log_templates")
"""What each of them sees beside his own part."""
_ROLE = """
An operator asks you a question: it is `question`, the only part of the case that is meant for you. It is answered in words, and nothing
is carried out, whatever you say. Where the case is the whole host, there is no fault: what he asks about is what counts. Where you were
not shown what the answer needs, say that, and where it can be seen. Your answer has:
- `answer`: plain words for somebody who knows this host, in a few short paragraphs.
- `evidence`: the ids of the evidence that it rests on; empty where it rests on what is known in general.
- `look_next`: what he could look at next, a line each; a command is text to him, and he will type it or not.
- `choice`: of `candidates` the id of the one that you would choose if something had to be done, else empty.

Who you are: {name}. {about}
{brief}"""


class Answer(Word):
    """By the schema."""

    answer: Annotated[str, Field(min_length=1)]
    evidence: tuple[int, ...]
    look_next: tuple[str, ...]
    choice: str


class Answering:
    """One question about one case."""

    def __init__(self, question: str, case: Case, models: Models | None, recall: Recall, anomalies: Sequence[Anomaly] = ()) -> None:
        """`models`: None where none is configured."""
        self._question = plain(question, QUESTION_CHARACTERS)
        self._case = case
        self._models = models
        self._recall = recall
        self._anomalies = anomalies
        self._ballot = Ballot("a", [(action,) for action in case.candidates])

    def ask(self, expert: Expert, deadline: float, seat: int = 0) -> Counsel:
        """Raises StoreFailed, and nothing of a model's."""
        return self._ask(expert, self._recall(self._case, expert.name), deadline, seat)

    def consult(self, experts: Sequence[Expert], deadline: float) -> tuple[Counsel, ...]:
        """All at once, none knowing of another. An interrupt ends them all. Raises StoreFailed."""
        remembered = [self._recall(self._case, expert.name) for expert in experts]
        with ThreadPoolExecutor(max(1, len(experts))) as threads:
            asked = [threads.submit(self._ask, *one, deadline, seat) for seat, one in enumerate(zip(experts, remembered, strict=True))]
            try:
                return tuple(counsel.result() for counsel in asked)
            finally:  # one that waits for its turn begins when another has ended, and is ended too. Not by Thread.join: Python 3.11
                # takes a thread for ended whose join was interrupted
                while wait(asked, _ENDING_SECONDS).not_done:
                    stop()

    def shown(self, expert: Expert) -> tuple[Evidence, ...]:
        """His own part and what everybody sees, as far as there is room."""
        own = {item.id for item in expert.evidence(self._case)}
        return fitting((item for item in shown(self._case) if item.id in own or item.source in _EVERYBODY), self._case)

    def _ask(self, expert: Expert, remembered: Sequence[Json], deadline: float, seat: int) -> Counsel:
        floor, replies = by_role_file(expert, self._case, remembered), list[Reply]()
        if self._models is None:
            return floor
        settings, asking = self._models.settings(seat), self._asking(expert, remembered, seat)
        told: Json = {"expert": expert.name, "backend": settings.backend, "model": settings.model}
        try:
            answer = self._answer(self._models, asking, replies, deadline)
        except ModelFailed as failed:
            words = {"failed": failed.kind, "why": one_line(failed.reason, _LINE_CHARACTERS), "mend": one_line(failed.mend)}
            return floor.model_copy(update={**told, **words, **_cost(replies)})
        seen = {item.id for item in self.shown(expert)}
        return Counsel(
            **told,
            answer=plain(mask(answer.answer), _ANSWER_CHARACTERS),
            evidence=tuple(dict.fromkeys(number for number in answer.evidence if number in seen)),
            look_next=tuple(one_line(mask(line), _LINE_CHARACTERS) for line in answer.look_next[:_NEXT] if line.strip()),
            choice="; ".join(one_line(action.about()) for action in self._ballot.plan([answer.choice])) if answer.choice else "",
            **_cost(replies),
        )

    def _answer(self, models: Models, asking: Asking, replies: list[Reply], deadline: float) -> Answer:
        """What does not hold is told him once. Raises ModelFailed."""
        replies.append(models.ask(asking, deadline))
        answer, problem = self._read(replies[-1].answer)
        if problem and deadline - time.monotonic() > _LEAST_SECONDS:
            again = asking.model_copy(update={"turns": (*asking.turns, *once_more(replies[-1].answer, problem))})
            replies.append(models.ask(again, deadline))
            answer, problem = self._read(replies[-1].answer)
        if answer is None or problem:
            raise ModelFailed("garbage", problem)
        return answer

    def _read(self, said: Json) -> tuple[Answer | None, str]:
        try:
            answer = Answer.model_validate(said)
        except ValidationError as error:
            return None, one_line(problems(error), 500)
        if not plain(answer.answer, _ANSWER_CHARACTERS).strip():
            return None, "answer: it is empty"
        return answer, self._ballot.problem([answer.choice], 1) if answer.choice else ""

    def _asking(self, expert: Expert, remembered: Sequence[Json], seat: int) -> Asking:
        document = case_document(
            self._case,
            self.shown(expert),
            self._anomalies,
            question=self._question,
            candidates=self._ballot.as_json(),
            you_remember=list(remembered),
        )
        return Asking(
            expert=expert.name,
            seat=seat,
            system=RULES + _ROLE.format(name=expert.name, about=expert.about, brief=expert.brief),
            turns=(Turn(role="user", text=document),),
            answer_schema=_schema(self._ballot.ids),
        )


def _cost(replies: Sequence[Reply]) -> Json:
    return {name: sum(getattr(reply, name) for reply in replies) for name in ("tokens_in", "tokens_out", "dollars", "seconds")}


def _schema(choices: Sequence[str]) -> Json:
    properties = {
        "answer": {"type": "string", "description": "plain words for the operator"},
        "evidence": {"type": "array", "items": {"type": "integer"}, "description": "ids of the evidence that it rests on"},
        "look_next": {"type": "array", "items": {"type": "string"}, "description": "what he could look at next"},
        "choice": {"type": "string", "enum": ["", *choices], "description": "an id of candidates, or empty"},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
