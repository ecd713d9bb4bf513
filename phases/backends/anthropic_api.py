"""Anthropic's Messages API through its SDK: the only module that imports it, in a process that ends with the call."""

import ssl
from collections.abc import Iterator
from typing import cast

import anthropic
import httpx2
from anthropic.types import CacheControlEphemeralParam, MessageParam, TextBlockParam

from phases.backends.places import checked, proxy_of
from phases.backends.posting import answer_of, refused, told
from phases.backends.reading import MOST_BYTES, count, dig, name, object_of
from phases.backends.words import Failed, Json, Question, Used, answered

_USUAL = "https://api.anthropic.com"
_RETRIES = 1
"""Beside the first attempt; of 429, 5xx and lost connections. The deadline is for all of them together."""
_CACHED: CacheControlEphemeralParam = {"type": "ephemeral"}


def ask(question: Question, key: str) -> Json:
    """Raises Failed."""
    if not key:
        mend = 'a key in a file of root\'s (mode 0600), and [agents] key_file = "/etc/autonomous-orchestrator/model.key"'
        raise Failed("misconfigured", "Anthropic's API needs a key", mend=mend)
    url = checked(question.url or _USUAL)
    # Both are named, so that the library looks for neither: not in the environment, and not in a profile of whoever runs this.
    with anthropic.Anthropic(api_key=key, base_url=url, http_client=_http(url)) as client:
        try:
            response = client.with_options(timeout=question.seconds, max_retries=_RETRIES).messages.with_raw_response.create(
                model=question.model,
                max_tokens=question.answer_tokens,
                system=[_block(question.system)],
                messages=_messages(question),
                output_config={"format": {"type": "json_schema", "schema": question.answer_schema}},
            )
        except _TooLong as error:
            raise Failed("cut", f"the model's server said more than {MOST_BYTES >> 10} KiB") from error
        except anthropic.APIStatusError as error:
            raise refused(error.status_code, told(error.response.text)) from error
        except anthropic.APITimeoutError as error:
            raise Failed("late", "the model's server did not answer in time") from error
        except anthropic.APIConnectionError as error:
            raise _lost(error) from error
    return _answer(answer_of(response.status_code, response.http_response.content), question)


def _block(text: str) -> TextBlockParam:
    """All that stands before its end is kept for a while: what is the same in the next call is then read for a tenth."""
    return {"type": "text", "text": text, "cache_control": _CACHED}


def _messages(question: Question) -> list[MessageParam]:
    *before, last = question.messages
    return cast("list[MessageParam]", [*before, {**last, "content": [_block(last["content"])]}])


def _answer(said: Json, question: Question) -> Json:
    cached = count(said, "usage", "cache_read_input_tokens")
    written = count(said, "usage", "cache_creation_input_tokens")
    used = Used(
        tokens_in=count(said, "usage", "input_tokens") + written + cached,
        tokens_cached=cached,
        tokens_written=written,
        tokens_out=count(said, "usage", "output_tokens"),
    )
    why = said.get("stop_reason")
    if why == "refusal":
        raise Failed("refused", "the model would not answer", used=used)
    if why in ("max_tokens", "model_context_window_exceeded"):
        raise Failed("cut", f"the answer was longer than {question.answer_tokens} tokens", used=used)
    blocks = said.get("content")
    texts = [dig(block, "text") for block in blocks if dig(block, "type") == "text"] if isinstance(blocks, list) else []
    text = "".join(text for text in texts if isinstance(text, str))
    return answered(object_of(text, used), name(said.get("model"), question.model), used)


# ---- the network ---------------------------------------------------------------------------------------------------------


class _TooLong(BaseException):
    """More than an answer can be. No Exception, which the library would take for a lost connection, and ask again."""


class _Bounded(httpx2.BaseTransport):
    """Reads no more than an answer can be, and nothing that would have to be unpacked first."""

    def __init__(self, url: str) -> None:
        context = ssl.create_default_context() if url.startswith("https:") else False
        self._inner = httpx2.HTTPTransport(verify=context, trust_env=False, proxy=proxy_of(url))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = self._inner.handle_request(request)
        if "content-encoding" in response.headers:
            response.close()
            raise _TooLong
        return httpx2.Response(response.status_code, headers=response.headers, stream=_Counted(response), request=request)

    def close(self) -> None:
        self._inner.close()


class _Counted(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for part in self._response.stream:  # type: ignore[union-attr]
            read += len(part)
            if read > MOST_BYTES:
                raise _TooLong
            yield part

    def close(self) -> None:
        self._response.close()


def _http(url: str) -> httpx2.Client:
    return httpx2.Client(transport=_Bounded(url), trust_env=False, follow_redirects=False)


def _lost(error: Exception) -> Failed:
    cause = error.__cause__
    if isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError):
        return Failed("cut", f"the model's server broke off: {type(cause).__name__}")
    return Failed("unreachable", f"the model's server: {cause or error}")
