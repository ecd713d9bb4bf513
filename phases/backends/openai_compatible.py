"""Servers that speak OpenAI's chat completions, with a JSON schema that they hold the model to."""

from urllib.parse import urlsplit

from phases.backends.places import checked
from phases.backends.posting import post
from phases.backends.reading import count, dig, name, object_of
from phases.backends.words import Failed, Json, Question, Used, answered

_ITS_MAKERS = ("openai.com", "azure.com")
"""They renamed the bound of an answer, and refuse the old name; the others know only that one."""


def ask(question: Question, key: str) -> Json:
    """Raises Failed."""
    url = checked(question.url)
    bound = "max_completion_tokens" if (urlsplit(url).hostname or "").endswith(_ITS_MAKERS) else "max_tokens"
    schema = {"name": "answer", "strict": True, "schema": question.answer_schema}
    body = {
        "model": question.model,
        "messages": [{"role": "system", "content": question.system}, *question.messages],
        "response_format": {"type": "json_schema", "json_schema": schema},
        bound: question.answer_tokens,
        "stream": False,
    }
    try:
        said = post(f"{url}/chat/completions", body, {"Authorization": f"Bearer {key}"} if key else {}, question.seconds)
    except Failed as failed:
        if failed.kind == "misconfigured" and any(word in failed.reason for word in ("response_format", "schema")):
            raise Failed("misconfigured", f"it takes no JSON schema, and without one it is not asked: {failed.reason}") from failed
        raise
    return _answer(said, question)


def _answer(said: Json, question: Question) -> Json:
    tokens_in = count(said, "usage", "prompt_tokens")
    used = Used(
        tokens_in=tokens_in,
        # Never more than there were: they would give money back.
        tokens_cached=min(tokens_in, count(said, "usage", "prompt_tokens_details", "cached_tokens")),
        tokens_out=count(said, "usage", "completion_tokens"),
    )
    message, why = dig(said, "choices", 0, "message"), dig(said, "choices", 0, "finish_reason")
    if dig(message, "refusal") or why == "content_filter":
        raise Failed("refused", "the model would not answer", used=used)
    if why == "length":
        raise Failed("cut", f"the answer was longer than {question.answer_tokens} tokens", used=used)
    content = dig(message, "content")
    return answered(object_of(content if isinstance(content, str) else "", used), name(said.get("model"), question.model), used)
