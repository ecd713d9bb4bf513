"""What `/metrics` says of language models: calls, tokens and money so far, and what is left of the day's budgets."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from orchestrator.config import Agents
from orchestrator.model import Json
from orchestrator.store.tallies import Tallies, Tally

SECONDS = ("1", "5", "15", "60", "300", "900", "3600", "14400", "86400", "+Inf")
"""Where the tallies draw their lines; the schema has them too."""
_WHICH = ("backend", "model")


def of_models(tallies: Tallies) -> Iterator[Metric]:
    """Counters, kept by triggers as a call ends: one under way is in none of them."""
    yield _counter(tallies, "calls", "model_calls", "Calls of language models that ended, by how.", "outcome")
    yield _counter(tallies, "call_tokens", "model_tokens", "Tokens: in, those read from the backend's cache, and out.", "kind")
    yield _counter(tallies, "call_dollars", "model_dollars", "What the calls cost, by the backend's word or the table of prices.")
    family = HistogramMetricFamily("orchestrator_model_call_duration_seconds", "How long a call took.", labels=_WHICH)
    for total in tallies.of("call_seconds_sum"):
        slots = {row.b: row.n for row in tallies.of("call_seconds") if row.a == total.a}
        below = accumulate(slots.get(slot, 0.0) for slot in SECONDS)
        family.add_metric(_which(total), list(zip(map(floatToGoString, SECONDS), below, strict=True)), total.n)
    yield family


def of_budgets(today: Json, agents: Agents) -> Iterator[Metric]:
    """What calls under way may cost is taken off."""
    yield _gauge("model_calls_in_flight", "Calls of language models that are under way.", float(today["under_way"]))
    yield _gauge("model_budget_dollars", "What language models may cost on a day of UTC.", agents.day_dollars)
    left = max(0.0, agents.day_dollars - today["dollars"])
    yield _gauge("model_budget_remaining_dollars", "What is left of that today.", left)
    yield _gauge("model_budget_tokens", "How many tokens language models may take on a day of UTC.", float(agents.day_tokens))
    yield _gauge("model_budget_remaining_tokens", "What is left of that today.", float(max(0, agents.day_tokens - today["tokens"])))


def _counter(tallies: Tallies, tally: str, name: str, about: str, *more: str) -> Metric:
    family = CounterMetricFamily(f"orchestrator_{name}", about, labels=(*_WHICH, *more))
    for row in tallies.of(tally):
        family.add_metric((*_which(row), row.b)[: 2 + len(more)], row.n)
    return family


def _which(row: Tally) -> tuple[str, str]:
    backend, _, model = row.a.partition("/")
    return backend, model


def _gauge(name: str, about: str, value: float) -> Metric:
    family = GaugeMetricFamily(f"orchestrator_{name}", about)
    family.add_metric((), value)
    return family
