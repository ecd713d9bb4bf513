"""The child that sends traces off, and the one place that knows OpenTelemetry's names: those of its GenAI conventions, 1.41.

`python -m phases.otel` reads one JSON object from its standard input: the collector's `url`, the `host`, and `spans`.
"""

import importlib.util
import json
import sys
from typing import Any

Json = dict[str, Any]

SERVICE = "autonomous-orchestrator"
PHASES = ("quick fix", "research", "consultation")
PROVIDERS = {"anthropic": "anthropic", "claude-code": "anthropic", "openai-compatible": "openai", "ollama": "ollama"}
NO_LIBRARY = f"OpenTelemetry is not installed: pip install '{SERVICE}[otel]'"
_SECONDS = 10.0


def is_installed() -> bool:
    """Without importing it."""
    try:
        return all(importlib.util.find_spec(f"opentelemetry.{name}") for name in ("sdk", "exporter.otlp.proto.http"))
    except (ImportError, ValueError):
        return False


def told(span: Json) -> tuple[str, Json]:
    """Its name and its attributes, as OpenTelemetry has them; what it has no name for begins with ours."""
    about = span["about"]
    if span["kind"] == "call":
        return f"chat {about['model']}", _of_call(about)
    ours = {f"orchestrator.{name}": about[name] for name in ("check", "target")}
    incident = {"orchestrator.incident.id": about["incident"], **ours}
    if span["kind"] == "incident":
        return f"incident {about['check']}", {**incident, "orchestrator.incident.status": about["how"]}
    number, how = about["phase"], about["how"]
    phase = {"orchestrator.phase": number, "orchestrator.answer": how, "gen_ai.conversation.id": str(about["incident"])}
    return f"phase {PHASES[number - 1]}", {**incident, **phase, **({"error.type": "_OTHER"} if how == "error" else {})}


def _of_call(about: Json) -> Json:
    failed = {"error.type": about["outcome"]} if about["outcome"] != "answered" else {}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(about["backend"], about["backend"]),
        "gen_ai.request.model": about["model"],
        "gen_ai.agent.name": about["expert"],
        "gen_ai.conversation.id": str(about["incident"]),
        "gen_ai.usage.input_tokens": about["tokens_in"],
        "gen_ai.usage.cache_read.input_tokens": about["tokens_cached"],
        "gen_ai.usage.output_tokens": about["tokens_out"],
        "orchestrator.cost.dollars": about["dollars"],
        "orchestrator.incident.id": about["incident"],
        "orchestrator.phase": about["phase"],
        **failed,
    }


def send(url: str, host: str, spans: list[Json]) -> bool:
    """Whether the collector took them."""
    import requests  # noqa: PLC0415  # here alone: none of this enters the daemon
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags  # noqa: PLC0415
    from opentelemetry.trace.status import Status, StatusCode  # noqa: PLC0415

    resource, scope = Resource({"service.name": SERVICE, "host.name": host}), InstrumentationScope(SERVICE)

    def context(span: Json, name: str) -> SpanContext | None:
        sampled = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(span["trace"], 16), int(span[name], 16), is_remote=False, trace_flags=sampled) if span[name] else None

    def readable(span: Json) -> ReadableSpan:
        name, attributes = told(span)
        return ReadableSpan(
            name=name,
            context=context(span, "id"),
            parent=context(span, "parent"),
            resource=resource,
            attributes=attributes,
            kind=SpanKind.CLIENT if span["kind"] == "call" else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if "error.type" in attributes else StatusCode.UNSET),
            start_time=int(span["began"] * 1e9),
            end_time=int(span["ended"] * 1e9),
            instrumentation_scope=scope,
        )

    with requests.Session() as session:
        session.trust_env, session.max_redirects = False, 0  # what the configuration names, and nowhere else
        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=_SECONDS, session=session)
        return exporter.export([readable(span) for span in spans]) is SpanExportResult.SUCCESS


def main() -> int:
    """The child."""
    if not is_installed():
        sys.stderr.write(NO_LIBRARY + "\n")
        return 1
    given = json.load(sys.stdin)
    return 0 if send(given["url"], given["host"], given["spans"]) else 1


if __name__ == "__main__":
    sys.exit(main())
