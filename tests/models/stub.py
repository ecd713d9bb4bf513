r"""A language model at the network's edge, played: Anthropic's messages (plain and streamed), OpenAI's chat and Ollama's chat.

    python tests/models/stub.py --port 8099 --script plays.json        runs anywhere; `GET /asked` tells what it was asked

A script is a list of plays. Each call gets the first play that fits and is not used up; of those that fit, the last may be used for ever:
    {"answer": {"cause": "…"}}                      the model's JSON object
    {"when": ["shop.service", "a look"], …}         only if all of these were asked, in whatever turn or in the system's text
    {"find": {"A": "\"(a\\d+)\": .*restart"}, …}  only if each of these expressions is found in what was asked; `$A` in the answer is then
                                                    the last thing that its group found, so that a script can choose what code offered;
                                                    `"#A"` is the same as a number
    {"play": "429", "times": 2}                     a status (`says`: its words) or one of FAILURES; `times` 0: for ever, else once
    {"seconds": 2.0, …}                             how long the model thinks
Standard library only: it runs where nothing is installed.
"""

import argparse
import json
import re
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

Json = dict[str, Any]

FAILURES = (
    "prose",  # the model chats instead of answering
    "wrong",  # one JSON object, by another schema
    "extra",  # the answer, and a field that nobody asked for
    "list",  # JSON, and no object
    "deep",  # JSON that is nested deeper than a parser can stand
    "odd",  # JSON as only some parsers take it: NaN, half a character
    "empty",  # the text is empty
    "silent",  # there is no text at all
    "refusal",
    "cut",  # the model's longest answer was not long enough
    "html",  # an answer, of no model
    "huge",  # 10 MB
    "hang",
    "drip",  # a byte now and then
    "dropped",  # half of it, and the connection is gone
    "redirect",  # to the play's `to`
)


@dataclass(frozen=True)
class Play:
    """What the model does once, or `times` (0: for ever)."""

    answer: Json = field(default_factory=dict)
    play: str = "answer"
    when: Sequence[str] = ()
    find: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    seconds: float = 0.0
    to: str = ""
    says: str = ""
    """What the server says of a status."""
    cached: int = 0
    """Of the tokens that went in."""
    written: int = 0
    """Of these, what was put into a cache."""

    def fits(self, text: str) -> bool:
        return all(words in text for words in self.when) and all(re.search(what, text) for what in self.find.values())

    def filled(self, text: str) -> Json:
        """The answer with what was found."""
        found = {name: json.dumps(re.findall(what, text)[-1])[1:-1] for name, what in self.find.items()}
        numbers = re.sub(r'"#(\w+)"', lambda hit: found.get(hit[1], hit[0]), json.dumps(self.answer))
        filled: Json = json.loads(re.sub(r"\$(\w+)", lambda hit: found.get(hit[1], hit[0]), numbers))
        return filled


@dataclass(frozen=True)
class Asked:
    """One call, as it came over the network."""

    path: str
    headers: Mapping[str, str]
    body: Json
    at: float

    @property
    def system(self) -> str:
        system = self.body.get("system") or "".join(_text(one) for one in self._messages if one.get("role") == "system")
        return system if isinstance(system, str) else _text({"content": system})

    @property
    def turns(self) -> list[str]:
        return [_text(one) for one in self._messages if one.get("role") != "system"]

    @property
    def text(self) -> str:
        return "\n".join((self.system, *self.turns))

    @property
    def key(self) -> str:
        """As a header holds it, in whichever of the two ways."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def _messages(self) -> list[Json]:
        return list(self.body.get("messages", ()))

    @property
    def is_receipt(self) -> bool:
        """The Claude CLI gets its answer as a call of a tool, and says thanks."""
        last = self._messages[-1]["content"] if self._messages else ""
        return isinstance(last, list) and any(block.get("type") == "tool_result" for block in last)


def _text(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(str(block.get("text", "")) for block in content)


Rule = Callable[[Asked], Play]


class Stub(ThreadingHTTPServer):
    """`with Stub([Play(…)]) as stub:` serves at `stub.url`; `stub.asked` is what it was asked, in order."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, script: Sequence[Play] | Rule = (), port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Endpoint)
        self.script = script
        self.asked: list[Asked] = []
        self.at_once = 0
        self.most_at_once = 0
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self._used: dict[int, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_play(self, asked: Asked) -> Play:
        if callable(self.script):
            return self.script(asked)
        fitting = [(number, play) for number, play in enumerate(self.script) if play.fits(asked.text)]
        if not fitting:
            return Play(play="500")
        with self.lock:
            left = ((number, play) for number, play in fitting if not play.times or self._used.get(number, 0) < play.times)
            number, play = next(left, fitting[-1])
            self._used[number] = self._used.get(number, 0) + 1
        return play

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what many tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Endpoint(BaseHTTPRequestHandler):
    server: Stub
    protocol_version = "HTTP/1.1"
    dialects: ClassVar[Mapping[str, type["_Dialect"]]] = {}

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        dialect = next((one for path, one in self.dialects.items() if self.path.partition("?")[0].endswith(path)), None)
        if dialect is None:
            return self._send(404, b"{}")
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(said), time.monotonic())
        if asked.is_receipt:
            return self._speak(dialect(asked, "done", "end", Play()))
        with self.server.lock:
            self.server.asked.append(asked)
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            self._play(dialect, asked, self.server.next_play(asked))
        finally:
            with self.server.lock:
                self.server.at_once -= 1
        return None

    def do_GET(self) -> None:
        """What it was asked, and how much of it at once."""
        if self.path != "/asked":
            return self._send(404, b"{}")
        asked = [{"path": one.path, "system": one.system, "turns": one.turns} for one in self.server.asked]
        told = {"calls": len(asked), "most_at_once": self.server.most_at_once, "asked": asked[-100:]}
        return self._send(200, json.dumps(told).encode())

    def _play(self, dialect: type["_Dialect"], asked: Asked, play: Play) -> None:
        if play.seconds:
            self.server.stopped.wait(play.seconds)
        answer, kind = json.dumps(play.filled(asked.text)), play.play
        texts = {
            "prose": "Certainly! I think that the disk may be full, {or} so.",
            "wrong": '{"surprise": true}',
            "extra": json.dumps({**json.loads(answer), "shell": "rm -rf /"}),
            "list": f"[{answer}]",
            "deep": "[" * 100_000,
            "odd": '{"cause": "\\ud800", "confidence": NaN}',
            "empty": "",
            "cut": answer[: len(answer) // 2],
            "huge": json.dumps({"cause": "x" * 10_000_000}),
        }
        spoken = dialect(asked, texts.get(kind, answer), kind, play)
        if kind.isdigit():
            self._send(
                int(kind),
                json.dumps(spoken.error(kind, play.says or f"played {kind}")).encode(),
                {"retry-after": "0"} if kind in ("429", "529") else {},
            )
        elif kind == "hang":
            self._until_gone()
        elif kind == "html":
            self._send(200, b"<html>It works!</html>", {"content-type": "text/html"})
        elif kind == "redirect":
            self._send(307, b"", {"location": play.to})
        else:
            self._speak(spoken, broken=kind if kind in ("drip", "dropped") else "")

    def _speak(self, spoken: "_Dialect", broken: str = "") -> None:
        if spoken.streamed:
            body = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in spoken.events())
        else:
            body = json.dumps(spoken.whole()).encode()
        kind = {"content-type": "text/event-stream" if spoken.streamed else "application/json"}
        if not broken:
            return self._send(200, body, kind)
        self._head(200, len(body), kind)
        self.close_connection = True
        if broken == "dropped":
            self.wfile.write(body[: len(body) // 2])
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            if self.server.stopped.wait(0.2):
                break
        return None

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _until_gone(self) -> None:
        self.close_connection = True
        while not self.server.stopped.is_set() and not select.select([self.connection], [], [], 0.05)[0]:
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing."""


class _Dialect:
    """One answer, as one kind of server words it."""

    streamed = False

    def __init__(self, asked: Asked, text: str, kind: str, play: Play) -> None:
        self.asked = asked.body
        self.text = text
        self.kind = kind
        self.cached, self.written = play.cached, play.written
        self.tokens_in, self.tokens_out = len(asked.text) // 4, len(text) // 4

    def whole(self) -> Json:
        raise NotImplementedError

    def events(self) -> Iterator[Json]:
        raise NotImplementedError

    def error(self, status: str, says: str) -> Json:
        return {"error": {"message": says, "type": f"played_{status}"}}


class _Anthropic(_Dialect):
    def __init__(self, asked: Asked, text: str, kind: str, play: Play) -> None:
        super().__init__(asked, text, kind, play)
        self.streamed = bool(self.asked.get("stream"))
        tool = any(tool.get("name") == "StructuredOutput" for tool in self.asked.get("tools", ()))
        self.by_tool = tool and kind not in ("end", "prose", "refusal", "empty", "silent", "deep", "list", "odd")

    @property
    def stop(self) -> str:
        return {"refusal": "refusal", "cut": "max_tokens"}.get(self.kind, "tool_use" if self.by_tool else "end_turn")

    @property
    def usage(self) -> Json:
        return {
            "input_tokens": self.tokens_in - self.cached - self.written,
            "cache_read_input_tokens": self.cached,
            "cache_creation_input_tokens": self.written,
            "output_tokens": self.tokens_out,
        }

    def _message(self, content: list[Json], stop: str | None) -> Json:
        about = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.asked["model"]}
        return {**about, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": self.usage}

    def whole(self) -> Json:
        thought = {"type": "thinking", "thinking": '{"cause": "only a thought"}', "signature": "s"}
        content = [] if self.kind in ("refusal", "silent") else [thought, {"type": "text", "text": self.text}]
        return self._message(content, self.stop)

    def events(self) -> Iterator[Json]:
        yield {"type": "message_start", "message": self._message([], None)}
        if self.kind not in ("refusal", "silent"):
            tool = {"type": "tool_use", "id": "toolu_1", "name": "StructuredOutput", "input": {}}
            yield {"type": "content_block_start", "index": 0, "content_block": tool if self.by_tool else {"type": "text", "text": ""}}
            json_delta = {"type": "input_json_delta", "partial_json": self.text}
            delta = json_delta if self.by_tool else {"type": "text_delta", "text": self.text}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
            yield {"type": "content_block_stop", "index": 0}
        usage = {"output_tokens": self.tokens_out}
        yield {"type": "message_delta", "delta": {"stop_reason": self.stop, "stop_sequence": None}, "usage": usage}
        yield {"type": "message_stop"}

    def error(self, status: str, says: str) -> Json:
        kinds = {"401": "authentication_error", "429": "rate_limit_error", "529": "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": says}}


class _OpenAi(_Dialect):
    def whole(self) -> Json:
        message: Json = {"role": "assistant", "content": self.text}
        if self.kind == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        choice = {"index": 0, "message": message, "finish_reason": "length" if self.kind == "cut" else "stop"}
        usage = {
            "prompt_tokens": self.tokens_in,
            "completion_tokens": self.tokens_out,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }
        choices = [] if self.kind == "silent" else [choice]
        return {"id": "chat-1", "object": "chat.completion", "model": self.asked["model"], "choices": choices, "usage": usage}


class _Ollama(_Dialect):
    def whole(self) -> Json:
        text = "I cannot help with that." if self.kind == "refusal" else self.text
        said = {} if self.kind == "silent" else {"message": {"role": "assistant", "content": text}}
        reason = "length" if self.kind == "cut" else "stop"
        counts = {"prompt_eval_count": self.tokens_in, "eval_count": self.tokens_out}
        return {"model": self.asked["model"], **said, "done": True, "done_reason": reason, **counts}

    def error(self, status: str, says: str) -> Json:
        del status
        return {"error": says}


_Endpoint.dialects = {"/v1/messages": _Anthropic, "/chat/completions": _OpenAi, "/api/chat": _Ollama}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--script", type=Path, required=True, help="a file with a JSON list of plays")
    given = options.parse_args()
    stub = Stub([Play(**play) for play in json.loads(given.script.read_text())], given.port)
    sys.stdout.write(f"{stub.url}\n")  # whoever waits for this line waits for the port
    sys.stdout.flush()
    stub.serve_forever()


if __name__ == "__main__":
    main()
