"""Every call of the API."""

from collections.abc import Iterator

from dashboard.api import acting, alerts, answers, reading
from dashboard.api.call import Call
from dashboard.numbers import NUMBER
from escalation.acts import ACTS, Done, many
from orchestrator.store.wanted import Wanted

CREATES = {"pause": "/windows", "teach": "/patterns"}
"""Acts of the host that make something."""


def _looks() -> Iterator[Call]:
    def get(path: str, view: object, answer: object, about: str, query: object = None) -> Call:
        return Call.model_validate(
            {"method": "GET", "path": path, "about": about, "right": "read", "view": view, "answer": answer, "query": query}
        )

    yield get("/escalations", reading.escalations, answers.Escalations, "Escalations; without status those that stand.", Wanted)
    yield get(f"/escalations/{NUMBER}", reading.escalation, answers.EscalationStory, "One escalation, with everything known.")
    yield get("/incidents", reading.incidents, answers.Incidents, "Incidents, without symptoms unless asked for.", Wanted)
    yield get(f"/incidents/{NUMBER}", reading.incident, answers.IncidentStory, "One incident: its whole story, and similar ones.")
    yield get("/patterns", reading.patterns, answers.Patterns, "What was learned, the best first.")
    yield get(f"/patterns/{NUMBER}", reading.pattern, answers.PatternStory, "One pattern, and the past incidents that it would have met.")
    yield get("/experts", reading.experts, answers.Experts, "The specialists, how often each was asked, and how that stood up.")
    yield get("/memories", reading.memories, answers.Memories, "What the experts remember of this host, by expert, the best proved first.")
    yield get(f"/memories/{NUMBER}", reading.memory, answers.MemoryRow, "One memory.")
    yield get("/checks", reading.checks, answers.Checks, "Each check, when it looked, and whether it is blind.")
    yield get("/windows", reading.windows, answers.Windows, "Maintenance and silences, the open ones first.", reading.Some)
    yield get("/decisions", reading.decisions, answers.Decisions, "What people left for the daemon, and what it made of it.", reading.Some)
    yield get(f"/decisions/{NUMBER}", reading.decision, answers.DecisionRow, "One decision.")
    yield get("/audit", reading.audit, answers.Audit, "Who did what, the newest first.", reading.Some)
    yield get("/status", reading.status, answers.Status, "Whether the daemon lives, what stands, what waits.")
    yield get("/metrics", reading.metrics, answers.Numbers, "The fix rate with both denominators, and the numbers around it.")
    yield get("/series", reading.series, answers.Days, "The numbers of each day.", reading.Last)


def _acts() -> Iterator[Call]:
    for (of, verb), act in ACTS.items():
        path = CREATES.get(verb, f"/host/{verb}") if of == "host" else f"/{many(of)}/{NUMBER}/{verb}"
        about = " ".join((act.__doc__ or "").split())
        stale = "version" in act.model_fields
        yield Call(method="POST", path=path, about=about, right="write", view=acting.act, answer=Done, body=act, stale=stale)
    yield Call(
        method="POST",
        path="/escalations/bulk",
        about="One act on up to 200 escalations; each is answered for itself.",
        right="write",
        view=acting.bulk,
        answer=answers.Fates,
        body=acting.Bulk,
    )
    yield Call(
        method="POST",
        path="/alerts",
        about="Alertmanager's webhook: a firing alert becomes a fault of what its labels name, a resolved one ends it.",
        right="alerts",
        view=alerts.alerts,
        answer=alerts.Told,
        body=alerts.Webhook,
    )


CALLS: tuple[Call, ...] = (*_looks(), *_acts())
