"""`doctor` on the language models: each is asked one question, since only an answer proves that it would answer."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.cli.finding import Finding
from orchestrator.config import Agents, ModelSettings
from orchestrator.store import Spending
from phases.models import Asking, ModelFailed, Models, Turn
from phases.models.prices import price_of

_SECONDS = 30.0
_SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}


def look_at_models(agents: Agents, state_dir: Path) -> Iterator[Finding]:
    """A line each. A few words that each of them costs, counted like any other call."""
    if not agents.models:
        yield Finding("models", "ok", "none is configured: the embedded engine thinks alone")
        return
    with Spending.beside(state_dir, agents) as purse, ThreadPoolExecutor(agents.calls) as at_once:
        models = Models(agents, purse)
        yield from at_once.map(lambda seat: _asked(models, seat), range(len(agents.models)))
    yield from (_unpriced(one) for one in agents.models if _costs(one) and price_of(one, agents.price) is None)


def _costs(settings: ModelSettings) -> bool:
    """Whether somebody will send a bill: what answers on this host's loopback does not."""
    return settings.backend != "ollama" and not settings.url.startswith("http:")


def _unpriced(settings: ModelSettings) -> Finding:
    what = f"{settings.model} by {settings.backend}: nobody knows its price, so day_dollars and incident_dollars do not bound it"
    return Finding("model", "warn", what, f'[[agents.price]] model = "{settings.model}", input = …, output = … (dollars a million tokens)')


def _asked(models: Models, seat: int) -> Finding:
    settings = models.settings(seat)
    who = f"{settings.model} by {settings.backend}"
    question = (Turn(role="user", text='{"question": "Are you there? Answer {\\"ok\\": true}."}'),)
    asking = Asking(expert="", seat=seat, system="You answer in JSON.", turns=question, answer_schema=_SCHEMA)
    try:
        reply = models.ask(asking, time.monotonic() + _SECONDS)
    except ModelFailed as failed:
        mend = failed.mend or _mend(settings, failed)
        return Finding("model", "bad" if failed.kind == "misconfigured" else "warn", f"{who}: {failed}", mend)
    tokens = reply.tokens_in + reply.tokens_out
    if reply.answer != {"ok": True}:
        return Finding("model", "warn", f"{who}: it answers, and not as it was asked", _mend(settings, None))
    return Finding("model", "ok", f"{who}: answered in {reply.seconds:.1f} s, {tokens} tokens, {reply.dollars:.4f} dollars")


def _mend(settings: ModelSettings, failed: ModelFailed | None) -> str:
    """Where the child knew of no line of its own."""
    if failed is None or failed.kind in ("misconfigured", "refused", "garbage"):
        return '[agents] model = "…": one that its server has, and that follows a JSON schema'
    if failed.kind == "unreachable" and settings.url:
        return f"curl -sS -m 5 {settings.url}"
    if failed.kind == "cut":
        return "[agents] answer_tokens, if its answers need more; else another model"
    if failed.kind == "spent":
        return "orchestrator metrics; then [agents] day_dollars, day_tokens"
    return "orchestrator doctor, a little later"
