"""The lists: what waits for a person, and what was wrong. Every filter is an address."""

from collections.abc import Callable, Iterator

from flask import abort, render_template, request

from dashboard.here import here
from dashboard.pages.blueprint import address, blueprint
from escalation.words import state_of
from orchestrator.checks import all_checks
from orchestrator.model import Json, Severity, Word
from orchestrator.store.listing import Listing
from orchestrator.store.wanted import INCIDENT_STATES, LIVE_STATES, Wanted

_TABS = (
    ("open", "Waiting for you", {"status": "open"}),
    ("acknowledged", "Acknowledged", {"status": "acknowledged"}),
    ("snoozed", "Snoozed", {"status": "snoozed"}),
    ("tray", "Healed, nobody looked", {"tray": "true"}),
    ("resolved", "Resolved", {"status": "resolved"}),
)
_ALL = {"status": "open,acknowledged,snoozed,resolved"}


class Tab(Word):
    id: str
    word: str
    href: str
    here: bool
    n: int | None = None


@blueprint.get("/")
def escalations() -> str:
    """Without a word in the address: what is not resolved."""
    wanted, listing = _asked(here().reader.list_escalations, _worst_first)
    tabs, reviews = tuple(_escalation_tabs(wanted, listing)), len(here().reader.reviews())
    return render_template("escalations.html", wanted=wanted, listing=listing, tabs=tabs, reviews=reviews, **_choices(wanted))


@blueprint.get("/incidents")
def incidents() -> str:
    wanted, listing = _asked(here().reader.list_incidents, lambda wanted: wanted)
    tabs = tuple(_incident_tabs(wanted, listing))
    return render_template("incidents.html", wanted=wanted, listing=listing, tabs=tabs, **_choices(wanted))


def _worst_first(wanted: Wanted) -> Wanted:
    """What stands is worked off by severity; what is over is looked up by time."""
    over = wanted.tray or "resolved" in wanted.status
    return wanted if over or "sort" in wanted.model_fields_set else wanted.model_copy(update={"sort": "severity"})


def _asked(read: Callable[[Wanted], Listing], ordered: Callable[[Wanted], Wanted]) -> tuple[Wanted, Listing]:
    """An address that makes no sense is told as that."""
    try:
        wanted = ordered(Wanted.read(request.args.to_dict(flat=False)))
        return wanted, read(wanted)
    except ValueError as error:
        abort(400, str(error))


@blueprint.app_template_filter()
def state(row: Json) -> str:
    return state_of(row)


def _escalation_tabs(wanted: Wanted, listing: Listing) -> Iterator[Tab]:
    counts = listing.counts
    now = {"tray": "true"} if wanted.tray else {"status": ",".join(wanted.status)} if wanted.status else {}
    standing = sum(counts.get(state, 0) for state in ("open", "acknowledged", "snoozed"))
    yield _tab("standing", "Not resolved", {}, now, standing)
    for name, word, asked in _TABS:
        yield _tab(name, word, asked, now, counts.get(name, 0))
    yield _tab("all", "All", _ALL, now, standing + counts.get("resolved", 0))


def _incident_tabs(wanted: Wanted, listing: Listing) -> Iterator[Tab]:
    counts = listing.counts
    now = {"status": ",".join(wanted.status)} if wanted.status else {}
    yield _tab("all", "All", {}, now, sum(n for state, n in counts.items() if state != "merged"))
    yield _tab("live", "Standing now", {"status": ",".join(LIVE_STATES)}, now, sum(counts.get(state, 0) for state in LIVE_STATES))
    for state in INCIDENT_STATES:
        if state not in ("open", "healing", "waiting"):
            yield _tab(state, {"merged": "symptoms"}.get(state, state).capitalize(), {"status": state}, now, counts.get(state, 0))


def _tab(name: str, word: str, asked: Json, now: Json, n: int) -> Tab:
    href = address(**{"status": "", "tray": "", "after": "", **asked})
    return Tab(id=name, word=word, href=href, here=asked == now, n=n)


def _choices(wanted: Wanted) -> Json:
    """What the filter's own fields offer."""
    sorts = {"newest": "newest first", "oldest": "oldest first", "severity": "most severe first", "updated": "changed last"}
    filtered = any((wanted.q, wanted.severity, wanted.check, wanted.target, wanted.owner, wanted.phase))
    return {"sorts": sorts, "severities": tuple(Severity), "check_names": tuple(all_checks()), "filtered": filtered}
