"""The host's own pages: what each check sees, where hands are kept off, which decisions wait."""

from flask import render_template

from dashboard.here import here
from dashboard.pages.blueprint import blueprint
from orchestrator.checks import checks_for
from orchestrator.model import Json, utc

_ORDER = ("blind", "fault", "not yet", "ok")


@blueprint.get("/checks")
def checks() -> str:
    """What is blind first: nobody would notice otherwise."""
    seen = {row["name"]: row for row in here().reader.checks()}
    known = {name: check.about for name, check in checks_for(here().config).items()}
    rows = [_check(name, known.get(name, ""), seen.get(name)) for name in sorted(known.keys() | seen.keys())]
    rows.sort(key=lambda row: _ORDER.index(row["state"]))
    counts = {state: sum(row["state"] == state for row in rows) for state in _ORDER}
    return render_template("checks.html", rows=rows, counts=counts)


def _check(name: str, about: str, row: Json | None) -> Json:
    unseen = {"state": "not yet", "detail": "", "looked_at": None, "changed_at": None, "blind_count": 0}
    return {**unseen, **(row or {}), "name": name, "about": about or "declared in the configuration"}


@blueprint.get("/maintenance")
def maintenance() -> str:
    now = utc()
    rows = here().reader.maintenance()
    standing = [row for row in rows if row["open"]]
    return render_template(
        "maintenance.html",
        running=[row for row in standing if row.get("begins_at", "") <= now],
        planned=[row for row in standing if row.get("begins_at", "") > now],
        over=[row for row in rows if not row["open"]][:20],
        services=[service.name for service in here().config.service],
    )


@blueprint.get("/decisions")
def decisions() -> str:
    """What waits for the daemon, what it made of the rest, and which fixes ask for a person's look."""
    rows = here().reader.decisions(100)
    waiting = [row for row in rows if not row["answered_at"]]
    reviews, audit = here().reader.reviews(), here().reader.audit(100, people=True)
    return render_template("decisions.html", waiting=waiting, answered=rows[len(waiting) :], reviews=reviews, audit=audit)
