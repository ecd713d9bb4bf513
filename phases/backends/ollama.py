"""Ollama's own interface, which holds a local model to a JSON schema."""

import json

from phases.backends.places import checked
from phases.backends.posting import post
from phases.backends.reading import count, dig, name, object_of
from phases.backends.words import Failed, Json, Question, Used, answered

_USUAL = "http://localhost:11434"
_KEPT = "30m"
"""A model that was unloaded after the usual five minutes takes a phase's whole time to come back."""
_WARMTH = 0.2
_WINDOWS = tuple(8192 << n for n in range(6))
"""Steps, since a model is loaded anew for each size of its window."""


def ask(question: Question, key: str) -> Json:
    """Raises Failed."""
    url = checked(question.url or _USUAL)
    # Its makers' advice: the schema binds what the model may write, and only the prompt tells it what that is.
    system = f"{question.system}\n\nAnswer with one JSON object by this schema:\n{json.dumps(question.answer_schema)}"
    body = {
        "model": question.model,
        "messages": [{"role": "system", "content": system}, *question.messages],
        "format": question.answer_schema,
        "stream": False,
        "keep_alive": _KEPT,
        "options": {"temperature": _WARMTH, "num_ctx": _window(question, system), "num_predict": question.answer_tokens},
    }
    try:
        said = post(f"{url}/api/chat", body, {"Authorization": f"Bearer {key}"} if key else {}, question.seconds)
    except Failed as failed:
        if failed.kind == "misconfigured" and "not found" in failed.reason:
            raise Failed("misconfigured", failed.reason, mend=f"ollama pull {question.model}") from failed
        raise
    return _answer(said, question)


def _window(question: Question, system: str) -> int:
    """Large enough: what does not fit is cut from the beginning, and nobody is told. Three characters a token are too few for any."""
    needed = (len(system) + sum(len(turn.text) for turn in question.turns)) // 3 + question.answer_tokens
    return next((window for window in _WINDOWS if window >= needed), _WINDOWS[-1])


def _answer(said: Json, question: Question) -> Json:
    used = Used(tokens_in=count(said, "prompt_eval_count"), tokens_out=count(said, "eval_count"))
    if said.get("done_reason") == "length":
        raise Failed("cut", f"the answer was longer than {question.answer_tokens} tokens", used=used)
    content = dig(said, "message", "content")
    return answered(object_of(content if isinstance(content, str) else "", used), name(said.get("model"), question.model), used)
