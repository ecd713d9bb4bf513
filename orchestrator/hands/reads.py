"""All that the hands may be asked: a closed table. There is no question with a free path, and none with a free command."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrator.config import Config
from orchestrator.hands import command_reads, path_reads, process_reads
from orchestrator.hands.questions import Question
from orchestrator.host import Unavailable, View
from orchestrator.model import Json

TABLE: Mapping[str, Question] = {**process_reads.QUESTIONS, **path_reads.QUESTIONS, **command_reads.QUESTIONS}


def answer(question: str, about: Json, view: View, config: Config) -> Any:
    """Raises Unavailable: also where there is no such question, or `about` does not fit it."""
    asked = TABLE.get(question)
    if asked is None:
        raise Unavailable(f"the hands know no question {question!r}")
    try:
        typed = asked.about.model_validate(about)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise Unavailable(f"the question {question!r} does not fit: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    return asked.answer(view, config, typed)
