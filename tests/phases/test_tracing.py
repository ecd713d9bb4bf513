"""Traces, as a collector gets them over OTLP/HTTP; whatever becomes of them, healing goes on."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Agents
from orchestrator.host import View
from orchestrator.model import Abstain, Answer, Case, Cost, Fault, Incident, Scope, Status
from orchestrator.store import Spending, Store
from phases.otel import NO_LIBRARY
from phases.tracing import MOST_SPANS, Tracer

trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

FAULT = Fault(check="unit_failed", target="shop.service", reason="ExitCode", message="shop failed: token=abcdef")
CASE = Case(incident=Incident(id=7, fault=FAULT, detected_at=1e9, opened_at=1e9), scope=Scope(target="shop.service"))


class Collector(ThreadingHTTPServer):
    """A receiver of OTLP over HTTP; `spans` are those that it took, by their names."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.spans: dict[str, Any] = {}
        self.resources: list[dict[str, str]] = []
        self.answer = 200
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        if self.server.answer == 200 and self.path == "/v1/traces":
            request = trace_service.ExportTraceServiceRequest.FromString(body)
            for of_host in request.resource_spans:
                self.server.resources.append({item.key: item.value.string_value for item in of_host.resource.attributes})
                self.server.spans |= {span.name: span for scope in of_host.scope_spans for span in scope.spans}
        self.send_response(self.server.answer)
        self.send_header("Content-Length", "0")
        if self.server.answer == 307:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


class Thinking:
    """Phase 2, with one call that is answered and one that is late."""

    def __init__(self, purse: Any, *, breaks: bool = False) -> None:
        self.purse = purse
        self.breaks = breaks

    def propose(self, case: Case, view: View | None, deadline: float) -> Answer:
        assert view is None
        assert deadline == 0.0
        for expert, outcome in (("researcher", "answered"), ("sceptic", "late")):
            cost = Cost(incident=case.incident.id, phase=2, expert=expert, backend="claude-code", model=f"m-{expert}")
            call = self.purse.reserve(cost)
            used = {"tokens_in": 800, "tokens_cached": 500, "tokens_out": 40, "dollars": 0.01, "seconds": 0.5}
            self.purse.settle(call, cost.model_copy(update={**used, "outcome": outcome}))
        if self.breaks:
            raise ValueError("a bug")
        return Abstain(reason="none fits")


def attributes(span: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


def test_an_incident_is_one_trace(collector: Collector, store: Store) -> None:
    """The phase lies in the incident, each call in the phase; names are those of the conventions, and no text of the host goes out."""
    standing: list[Status | None] = [Status.HEALING]
    tracer = Tracer(collector.url, "web1", lambda _number: standing[0])
    (phase,) = tracer.around({2: Thinking(tracer.purse(Spending(store.ledger, Agents())))}).values()
    phase.propose(CASE, None, 0.0)  # type: ignore[arg-type]  # nobody looks at the host
    tracer.flush()
    assert set(collector.spans) == {"phase research", "chat m-researcher", "chat m-sceptic"}
    standing[0] = Status.FIXED
    tracer.flush()
    tracer.flush()
    root, within = collector.spans["incident unit_failed"], collector.spans["phase research"]
    calls = [collector.spans["chat m-researcher"], collector.spans["chat m-sceptic"]]
    assert {span.trace_id for span in collector.spans.values()} == {root.trace_id}
    assert (root.parent_span_id, within.parent_span_id, {call.parent_span_id for call in calls}) == (b"", root.span_id, {within.span_id})
    assert (root.start_time_unix_nano, within.kind, calls[0].kind) == (int(1e18), 1, 3)
    assert attributes(calls[0]) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "m-researcher",
        "gen_ai.agent.name": "researcher",
        "gen_ai.conversation.id": "7",
        "gen_ai.usage.input_tokens": 800,
        "gen_ai.usage.cache_read.input_tokens": 500,
        "gen_ai.usage.output_tokens": 40,
        "orchestrator.cost.dollars": 0.01,
        "orchestrator.incident.id": 7,
        "orchestrator.phase": 2,
    }
    assert (attributes(calls[1])["error.type"], calls[1].status.code) == ("late", 2)
    assert attributes(within)["orchestrator.answer"] == "abstain"
    assert attributes(root)["orchestrator.incident.status"] == "fixed"
    assert collector.resources[0] == {"service.name": "autonomous-orchestrator", "host.name": "web1"}
    assert collector.asked == 2
    assert "abcdef" not in str(collector.spans)


def test_a_phase_that_breaks_is_an_error_and_breaks_all_the_same(collector: Collector, store: Store) -> None:
    """The engine hears of it as without traces."""
    tracer = Tracer(collector.url, "web1", lambda _number: None)
    (phase,) = tracer.around({2: Thinking(tracer.purse(Spending(store.ledger, Agents())), breaks=True)}).values()
    with pytest.raises(ValueError, match="a bug"):
        phase.propose(CASE, None, 0.0)  # type: ignore[arg-type]  # nobody looks at the host
    tracer.flush()
    assert attributes(collector.spans["phase research"])["error.type"] == "_OTHER"


@pytest.mark.parametrize("answer", [503, 400, 307])
def test_a_collector_that_takes_nothing_is_told_of_once(collector: Collector, answer: int, caplog: pytest.LogCaptureFixture) -> None:
    """Refused or sent elsewhere: what was to go is lost, and it is said when it begins and when it ends."""
    caplog.set_level("INFO")
    tracer = Tracer(collector.url, "web1", lambda _number: Status.HEALING)
    collector.answer = answer
    for _ in range(2):
        tracer.end(tracer.begin(CASE.incident, 2), "abstain")
        tracer.flush()
    collector.answer = 200
    tracer.end(tracer.begin(CASE.incident, 3), "abstain")
    tracer.flush()
    said = [record.getMessage() for record in caplog.records if "traces" in record.getMessage()]
    assert [line.split(":")[0] for line in said] == ["traces are lost", "traces go again"]
    assert set(collector.spans) == {"phase consultation"}


def test_nobody_waits_for_a_collector_that_is_not_there(store: Store) -> None:
    """A phase takes no longer, and what waits is bounded."""
    tracer = Tracer("http://127.0.0.1:9", "web1", lambda _number: Status.HEALING)
    (phase,) = tracer.around({2: Thinking(tracer.purse(Spending(store.ledger, Agents())))}).values()
    began = time.monotonic()
    for _ in range(MOST_SPANS // 3 + 100):
        tracer.end(tracer.begin(CASE.incident, 2), "abstain")
    phase.propose(CASE, None, 0.0)  # type: ignore[arg-type]  # nobody looks at the host
    assert time.monotonic() - began < 5
    for _ in range(MOST_SPANS):
        tracer.end(tracer.begin(CASE.incident, 2), "abstain")
    assert len(tracer._waiting) == MOST_SPANS


def test_without_an_address_nothing_is_noted(store: Store) -> None:
    """Phases and purse are those that were given."""
    tracer, phases = Tracer("", "web1", lambda _number: None), {2: Thinking(None)}
    purse = Spending(store.ledger, Agents())
    assert tracer.around(phases) is phases
    assert tracer.purse(purse) is purse


def test_without_the_library_the_child_says_what_to_install(tmp_path: Path) -> None:
    """One line, and no traceback."""
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    hidden = {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "phases.otel"], input="{}", capture_output=True, text=True, check=False, env=hidden, cwd=tmp_path
    )
    assert (done.returncode, done.stderr.strip()) == (1, NO_LIBRARY)


@pytest.mark.parametrize("url", ["http://collector.example:4318", "http://127.0.0.1:4318?x=1", "ftp://localhost", "https://eve:pw@host"])
def test_what_could_be_read_on_the_way_is_refused(url: str) -> None:
    """Loopback, or https, and no secret in it."""
    with pytest.raises(ValueError, match="traces"):
        Agents.model_validate({"traces": url})
    assert Agents.model_validate({"traces": "https://collector.example:4318"}).traces
