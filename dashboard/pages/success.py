"""The score: how much was healed without a person, by which phase, how fast, and what went wrong on the way."""

from flask import render_template, request

from dashboard.here import here
from dashboard.pages.blueprint import blueprint
from dashboard.pages.thinking import thought_of
from orchestrator.model import Json, Phase, epoch

SPANS = {1: "24 hours", 7: "7 days", 30: "30 days", 90: "90 days"}
_SUMMED = ("detected", "needed", "fixed", "with_person", "cleared", "escalated", "phase_1", "phase_2", "phase_3")


@blueprint.get("/success")
def success() -> str:
    asked = request.args.get("days", 30, type=int)
    days = asked if asked in SPANS else 30
    series, score = here().reader.series(days), here().reader.score(days)
    total = {name: sum(row[name] for row in series) for name in _SUMMED}
    phases = [{"name": str(Phase.numbered(n)), "n": total[f"phase_{n}"]} for n in (1, 2, 3)]
    most = max((row["detected"] for row in series), default=0) or 1
    thinking = {"thought": thought_of(here().reader.measured(days)), "today": here().status["models"], "limits": here().config.agents}
    shown = {"series": series, "score": score, "total": total, "phases": phases, "most": most, "wrong": _wrong(score)}
    return render_template("success.html", days=days, spans=SPANS, **shown, **thinking)


def _wrong(score: Json) -> tuple[tuple[str, int], ...]:
    outcomes = score["outcomes"]
    kinds = (("no effect", "no_effect"), ("rolled back", "rolled_back"), ("stranded", "stranded"), ("unproven", "unproven"))
    return (*((word, outcomes.get(name, 0)) for word, name in kinds), ("relapses", score["relapses"]))


@blueprint.app_template_filter()
def at_seconds(at: str) -> int:
    """A day or an hour of the series as seconds since the epoch, for the chart's axis."""
    return int(epoch(f"{at}:00:00.000" if " " in at else f"{at} 00:00:00.000"))


@blueprint.app_template_filter()
def at_shown(at: str) -> str:
    """`2026-11-21`, `15:00`."""
    return f"{at[11:]}:00" if " " in at else at
