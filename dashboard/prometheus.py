"""`/metrics` for Prometheus. Open, since it tells no more than numbers; kept for a moment, so that no scraper loads the host."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from dashboard.health import version
from dashboard.here import here
from dashboard.prometheus_models import SECONDS, of_budgets, of_models
from orchestrator.config import Config
from orchestrator.model import Json, epoch
from orchestrator.store import Reader, StoreFailed
from orchestrator.store.tallies import Tallies

blueprint = Blueprint("metrics", __name__)

KEPT_SECONDS = 2.0
ESCALATION_STATES = ("open", "acknowledged", "resolved")
SLOTS = {
    "seconds": SECONDS,
    "wait": ("15", "60", "300", "900", "3600", "14400", "86400", "+Inf"),
}
"""Where the tallies draw their lines; the schema has them too."""
CHECK_STATES = ("ok", "fault", "blind")


class Host(Collector):
    """What the tables say now. Counters only grow: triggers keep them while rows are removed by age."""

    def __init__(self, reader: Reader, config: Config) -> None:
        self._reader, self._config = reader, config

    def collect(self) -> Iterator[Metric]:
        yield _gauge("build_info", "The dashboard's version.", [((version(),), 1.0)], ("version",))
        try:
            status, tallies = self._reader.status(), self._reader.tallies()
        except StoreFailed:
            yield _gauge("state_readable", "Whether the databases could be read.", [((), 0.0)])
            return
        yield _gauge("state_readable", "Whether the databases could be read.", [((), 1.0)])
        yield from _counts(tallies)
        yield from of_models(tallies)
        yield from _now(status, tallies, self._config)
        yield from of_budgets(status["models"], self._config.agents)


def _counts(tallies: Tallies) -> Iterator[Metric]:
    yield _counter(tallies, "incidents", "Incidents that opened; symptoms of another are not counted.", ("check", "severity"))
    yield _counter(tallies, "relapses", "Incidents that came back after they were fixed.", ("check",))
    yield _counter(tallies, "attempts", "Plans that came to an end, by what became of them.", ("phase", "outcome"), "fix_attempts")
    yield _histogram(tallies, "seconds", "From the opening of an incident to its end.", "ended", "incident_duration_seconds")
    yield _counter(tallies, "escalations", "Incidents that were handed to a person.", ("severity",), "escalations_opened")
    yield _counter(tallies, "interventions", "Questions to a person that came to an end.", ("kind", "decision"))
    yield _histogram(tallies, "wait", "From a question to a person to the answer.", "kind", "intervention_wait_seconds")
    yield _counter(tallies, "notifications", "Mails and messages, by what became of each try.", ("result",))
    yield _counter(tallies, "suppressed", "What was to be told and was not, by why.", ("reason",))


def _now(status: Json, tallies: Tallies, config: Config) -> Iterator[Metric]:
    escalated, mail, daemon = status["escalations"], status["mail"], status["daemon"]
    states = [((state,), float(escalated.get(state, 0))) for state in ESCALATION_STATES]
    yield _gauge("escalations", "Escalations by state, as far back as they are kept.", states, ("state",))
    seen = [((state,), float(tallies.checks.get(state, 0))) for state in CHECK_STATES]
    yield _gauge("checks", "Checks by what they saw when they last looked.", seen, ("state",))
    waiting = [((), float(status["decisions_waiting"]))]
    yield _gauge("decisions_waiting", "Decisions of people that the daemon has not taken up yet.", waiting)
    yield _gauge("outbox_waiting", "Mails and messages that are still to go.", [((), float(mail["waiting"]))])
    open_now = tallies.changes_last_hour >= config.limits.changes_per_host_per_hour
    yield _gauge("breaker_open", "Whether the host's changes of the last hour have reached their limit.", [((), float(open_now))])
    yield _gauge("maintenance_windows", "Maintenance windows and silences that are open.", [((), float(len(status["maintenance"])))])
    oldest = [((), epoch(mail["oldest"]))] if mail["oldest"] else []
    yield _gauge("outbox_oldest_timestamp_seconds", "Since when the oldest of them waits; absent when none does.", oldest)
    tick = [((), epoch(daemon["tick_at"]))] if daemon else []
    yield _gauge("last_cycle_timestamp_seconds", "When the daemon last looked; absent before its first time.", tick)


def _counter(tallies: Tallies, tally: str, about: str, labels: tuple[str, ...], name: str = "") -> Metric:
    family = CounterMetricFamily(f"orchestrator_{name or tally}", about, labels=labels)
    for row in tallies.of(tally):
        family.add_metric((row.a, row.b)[: len(labels)], row.n)
    return family


def _histogram(tallies: Tallies, tally: str, about: str, label: str, name: str) -> Metric:
    family = HistogramMetricFamily(f"orchestrator_{name}", about, labels=(label,))
    for total in tallies.of(f"{tally}_sum"):
        slots = {row.b: row.n for row in tallies.of(tally) if row.a == total.a}
        below = accumulate(slots.get(slot, 0.0) for slot in SLOTS[tally])
        family.add_metric((total.a,), list(zip(map(floatToGoString, SLOTS[tally]), below, strict=True)), total.n)
    return family


def _gauge(name: str, about: str, values: Sequence[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(f"orchestrator_{name}", about, labels=labels)
    for said, value in values:
        family.add_metric(said, value)
    return family


class Kept:
    """An answer that stays good for a moment; who comes while it is made waits for that one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._made_at, self._answer = float("-inf"), b""

    def get(self, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if self._clock() - self._made_at > KEPT_SECONDS:
                self._answer = make()
                self._made_at = self._clock()
            return self._answer


def measured(reader: Reader, config: Config) -> bytes:
    """As Prometheus reads it; the dashboard's own process too."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(Host(reader, config))
    return generate_latest(registry)


@blueprint.record_once
def _keep(state: BlueprintSetupState) -> None:
    state.app.extensions["metrics"] = Kept()


@blueprint.get("/metrics")
def metrics() -> Response:
    kept: Kept = current_app.extensions["metrics"]
    reader, config = here().reader, here().config
    return Response(kept.get(lambda: measured(reader, config)), content_type=CONTENT_TYPE_PLAIN_0_0_4)
