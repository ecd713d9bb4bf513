"""The hands at the other end of a socket: the same methods, and the same plain data.

Hands that are dead, or just being started again by their socket, are waited for a moment. What they say nothing to is
refused, or Unavailable, with one clear sentence: the brain never raises for it. A change whose answer was lost is said
again under its id, which the hands carry out once whatever happens: so nothing is done twice, and nothing is lost.
"""

import socket
import time
from pathlib import Path
from typing import Any

from orchestrator.hands.frames import ANSWER_BYTES, REQUEST_BYTES, FrameError, receive, send
from orchestrator.host.errors import NoRight
from orchestrator.model import Json

_CONNECT_SECONDS = 2.0
_SEND_SECONDS = 5.0
_ASK_SECONDS = 15.0
_LOOK_SECONDS = 120.0
"""A service's own configuration test may be part of it."""
_CHANGE_SECONDS = 4000.0
"""A start or a command takes as long as it may; the hands bound it themselves, and their watchdog ends them before they hang."""
_RETRY_SECONDS = 3.0
"""So long may the socket need to have the hands there again."""
_PAUSE_SECONDS = 0.1
_COMMAND_SECONDS = 90.0
"""A service's own test or probe has a time of its own, a minute at most; it may have to wait for another."""
_DEAF_SECONDS = 2.0
"""After a question that nobody answered in time, or that reached nobody, no other waits for that long again."""
_USED = "was used before"
_REFUSE = "the hands refuse"


class RemoteHands:
    """Thread-safe. No method raises but `Asking.ask`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._deaf_until, self._deaf_why = 0.0, ""
        self.away = ""
        """Why they did not serve when they were asked last; empty when they did."""

    def prepare(self, action: Json, root: int | None = None) -> Json:
        answer = self._read({"verb": "prepare", "action": action, "root": root})
        if "refusal" in answer:
            return answer
        return {"refusal": answer["error"], "before": {}, "asks": False, "last": -1, "unavailable": answer["error"]}

    def perform(self, change_id: int, action: Json, root: int | None = None) -> Json:
        return self._change({"verb": "perform", "change_id": change_id, "action": action, "root": root})

    def verify(self, action: Json) -> Json:
        answer = self._read({"verb": "verify", "action": action})
        return answer if "failed" in answer else {"failed": answer["error"], "unavailable": answer["error"]}

    def undo(self, change_id: int, action: Json, before: Json) -> Json:
        return self._change({"verb": "undo", "change_id": change_id, "action": action, "before": before})

    def account(self, since: int) -> Json:
        answer = self._read({"verb": "account", "since": since}, _ASK_SECONDS)
        return answer if "changes" in answer else {"unavailable": answer["error"]}

    def remember(self, service: str, answered: float = 0.0, *, changed: bool = True) -> Json:
        answer = self._read({"verb": "remember", "service": service, "answered": answered, "changed": changed}, _ASK_SECONDS)
        return answer if "detail" in answer else {"detail": answer["error"], "unavailable": answer["error"]}

    def approve(self, plan: list[Json], until: float, door: str | None = None) -> Json:
        """With `unavailable`, where they could not be told."""
        return self._told({"verb": "approve", "plan": plan, "until": until, "door": door})

    def vouch(self, door: str, until: float | None, through: str | None = None) -> Json:
        """As `approve`."""
        return self._told({"verb": "vouch", "door": door, "until": until, "through": through})

    def _told(self, request: Json) -> Json:
        answer = self._read(request, repeated=False)
        if "ok" in answer:
            return answer
        said = str(answer["error"])
        return _refused(said) if said.startswith(_REFUSE) else {**_refused(said), "unavailable": said}

    def ask(self, question: str, **about: Any) -> Any:
        """As `Rights`: the answer itself. Raises NoRight."""
        seconds = _COMMAND_SECONDS if question == "command" else _ASK_SECONDS
        answer = self._read({"verb": "ask", "question": question, "about": about}, seconds)
        if "answer" not in answer:
            raise NoRight(str(answer.get("unavailable") or answer["error"]))
        return answer["answer"]

    def _change(self, request: Json) -> Json:
        """Once more under the same id where the answer was lost: that it was used before means that it had begun."""
        cut_off = False
        until = time.monotonic() + _RETRY_SECONDS
        while True:
            try:
                answer = self._say(request, _CHANGE_SECONDS)
            except _Unsent as problem:
                said, again = str(problem), True
            except FrameError as problem:
                said, again = str(problem), True
                cut_off, until = True, time.monotonic() + _RETRY_SECONDS
            else:
                if "ok" in answer:
                    began = cut_off and answer["refused"] and _USED in answer["detail"]
                    return _cut_off() if began else answer
                said, again = answer["error"], bool(answer.get("busy"))
            if not again or time.monotonic() > until:
                return _cut_off() if cut_off else {**_refused(said), "unavailable": said}
            time.sleep(_PAUSE_SECONDS)

    def _read(self, request: Json, seconds: float = _LOOK_SECONDS, *, repeated: bool = True) -> Json:
        """The answer, or {"error"}: why there is none. `repeated`: whether it may be heard twice."""
        until = time.monotonic() + _RETRY_SECONDS
        while True:
            if time.monotonic() < self._deaf_until:
                return {"error": self._deaf_why}
            began = time.monotonic()
            try:
                answer = self._say(request, seconds)
            except FrameError as problem:
                unsent = isinstance(problem, _Unsent)
                answer = {"error": f"the hands do not answer: {problem}", "again": repeated or unsent}
                if time.monotonic() >= (until if unsent else began + seconds):
                    self._deaf_why, self._deaf_until = answer["error"], time.monotonic() + _DEAF_SECONDS
            again = answer.get("again") or answer.get("busy")
            if "error" not in answer or not again or time.monotonic() > until:
                return answer
            time.sleep(_PAUSE_SECONDS)

    def _say(self, request: Json, seconds: float) -> Json:
        """Raises FrameError; _Unsent where the hands have not heard it."""
        try:
            answer = self._answered(request, seconds)
        except FrameError as problem:
            self.away = str(problem)
            raise
        self.away = "" if answer.get("serves", True) else f"{_REFUSE}: {answer['error']}"
        if "busy" in answer:
            return {"error": f"the hands are busy: {answer['busy']}", "busy": True}
        return {"error": f"{_REFUSE}: {answer['error']}"} if "error" in answer else answer

    def _answered(self, request: Json, seconds: float) -> Json:
        """Raises as `_say`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.settimeout(_CONNECT_SECONDS)
                connection.connect(str(self._path))
            except OSError as error:
                raise _Unsent(f"the hands cannot be reached at {self._path}: {error.strerror or error}") from None
            try:
                send(connection, request, REQUEST_BYTES, _SEND_SECONDS)
            except FrameError as problem:
                raise _Unsent(f"the hands could not be told: {problem}") from None
            return receive(connection, ANSWER_BYTES, seconds)


class _Unsent(FrameError):
    """It was not said, or not to its end."""


def _refused(why: str) -> Json:
    return {"ok": False, "detail": why, "refused": True}


def _cut_off() -> Json:
    """Nobody knows how far it came: as after a death of one's own, whoever asked looks first."""
    said = "the hands ended in the middle of a change"
    return {"ok": False, "detail": said, "refused": False, "unavailable": said}
