"""Traces: what phases and models did, span by span, sent off by a short-lived child that knows OpenTelemetry.

One trace an incident. Whatever goes wrong on the way is lost and said once: healing never waits for it.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from escalation.text import one_line
from orchestrator.host import View
from orchestrator.model import Abstain, Answer, Case, Cost, HandOver, Incident, Json, Status, Word, digest
from orchestrator.store import StoreFailed
from phases.models import Purse

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
CHILD_SECONDS = 20.0
MOST_SPANS = 2000
"""That wait; of more the oldest are lost."""
_HERE = Path(__file__).parents[1]
_OVER = (Status.FIXED, Status.CLEARED, Status.DISMISSED, Status.MERGED, Status.ESCALATED)
_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONDONTWRITEBYTECODE")
"""Of the environment: nothing of OpenTelemetry's own, which could lead elsewhere."""


class Span(Word):
    """Something that took its time. `trace` is the incident's; `id` and `parent` are 16 hex digits, the latter empty at the root."""

    trace: str
    id: str
    parent: str = ""
    kind: Literal["incident", "phase", "call"]
    about: Json
    """What it was, in plain words and numbers of ours: OpenTelemetry's names are the child's."""
    began: float
    ended: float


class Thinker(Protocol):
    """A phase."""

    def propose(self, case: Case, view: View, deadline: float) -> Answer: ...


class Tracer:
    """Thread-safe. Without a `url` it notes nothing."""

    def __init__(self, url: str, host: str, status: Callable[[int], Status | None]) -> None:
        """`status` tells how an incident stands."""
        self.url = url
        self._host = host
        self._status = status
        self._waiting: deque[Span] = deque(maxlen=MOST_SPANS)
        self._open: dict[int, str] = {}
        """Incidents that a phase thinks about now, and that phase's span."""
        self._seen: dict[int, Incident] = {}
        """Incidents whose own span is still to come."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = ""

    def around(self, phases: Mapping[int, Thinker]) -> Mapping[int, Thinker]:
        """The same phases, traced."""
        return {number: _Traced(number, phase, self) for number, phase in phases.items()} if self.url else phases

    def purse(self, purse: Purse) -> Purse:
        """The same purse; each call that it knows of is a span."""
        return _TracedPurse(purse, self) if self.url else purse

    def begin(self, incident: Incident, phase: int) -> Span:
        """A phase thinks from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tracer", daemon=True)
            self._thread.start()
        began = time.time()
        root = _id("incident", incident.id, incident.opened_at)
        about = {"phase": phase, "incident": incident.id, "check": incident.fault.check, "target": incident.fault.target}
        span = Span(
            trace=self._trace(incident.id),
            id=_id("phase", incident.id, phase, began),
            parent=root,
            kind="phase",
            about=about,
            began=began,
            ended=began,
        )
        self._open[incident.id] = span.id
        self._seen[incident.id] = incident
        return span

    def end(self, span: Span, how: str) -> None:
        self._open.pop(span.about["incident"], None)
        self.note(span.model_copy(update={"ended": time.time(), "about": {**span.about, "how": how}}))

    def called(self, number: int, was: Cost) -> None:
        """A call ended just now."""
        ended = time.time()
        self.note(
            Span(
                trace=self._trace(was.incident),
                id=_id("call", was.incident, number, ended),
                parent=self._open.get(was.incident, ""),
                kind="call",
                about=was.model_dump(mode="json"),
                began=ended - was.seconds,
                ended=ended,
            )
        )

    def note(self, span: Span) -> None:
        self._waiting.append(span)

    def flush(self) -> None:
        """Send off what there is, incidents that are over too. Never raises."""
        self._note_ended()
        spans = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if spans and self.url:
            self._say(_send(self.url, self._host, spans))

    def close(self) -> None:
        """The last spans go, or are lost."""
        self._stop.set()
        if self._thread:
            self._thread.join(CHILD_SECONDS / 10)

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()
        self.flush()

    def _note_ended(self) -> None:
        for number, incident in list(self._seen.items()):
            try:
                status = self._status(number)
            except StoreFailed:
                return
            if status is not None and status not in _OVER:
                continue
            del self._seen[number]
            about = {"incident": number, "check": incident.fault.check, "target": incident.fault.target}
            how = str(status or "gone")
            self.note(
                Span(
                    trace=self._trace(number),
                    id=_id("incident", number, incident.opened_at),
                    kind="incident",
                    about={**about, "how": how},
                    began=incident.opened_at or incident.detected_at,
                    ended=time.time(),
                )
            )

    def _trace(self, incident: int) -> str:
        return digest(["trace", self._host, incident]) + digest(["of", self._host, incident])

    def _say(self, trouble: str) -> None:
        """What goes wrong is told when it begins, and when it has ended."""
        if trouble and not self._trouble:
            log.warning("traces are lost: %s", trouble)
        elif self._trouble and not trouble:
            log.info("traces go again")
        self._trouble = trouble


class _Traced:
    def __init__(self, number: int, phase: Thinker, tracer: Tracer) -> None:
        self._number = number
        self._phase = phase
        self._tracer = tracer

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        span, how = self._tracer.begin(case.incident, self._number), "error"
        try:
            answer = self._phase.propose(case, view, deadline)
            how = "abstain" if isinstance(answer, Abstain) else "person" if isinstance(answer, HandOver) else "proposal"
        finally:
            self._tracer.end(span, how)
        return answer


class _TracedPurse:
    def __init__(self, purse: Purse, tracer: Tracer) -> None:
        self._purse = purse
        self._tracer = tracer

    def reserve(self, most: Cost) -> int:
        return self._purse.reserve(most)

    def settle(self, call: int, was: Cost) -> None:
        self._purse.settle(call, was)
        self._tracer.called(call, was)


def _send(url: str, host: str, spans: list[Span]) -> str:
    """Why they were not taken; empty when they were."""
    given = json.dumps({"url": url, "host": host, "spans": [span.model_dump() for span in spans]})
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONPATH": str(_HERE)}
    command = [sys.executable, "-P", "-s", "-m", "phases.otel"]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False, env=environment, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return one_line(error, 300)
    return one_line(done.stderr.strip().rpartition("\n")[2] or "its child failed", 300) if done.returncode else ""


def _id(*parts: object) -> str:
    """A span's: 16 hex digits."""
    return digest(list(parts))
