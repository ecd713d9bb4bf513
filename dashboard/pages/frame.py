"""The frame of every page: whether anybody watches the host, how far the daemon may go, what is stuck, what waits."""

import socket
from collections.abc import Iterator, Sequence

from flask import request, url_for

from dashboard.here import here
from dashboard.pages.blueprint import blueprint
from dashboard.pages.looks import MODES
from escalation.text import one_line
from orchestrator.config import Config
from orchestrator.model import Json, Word, utc
from orchestrator.store.times import age, ago, lasting, until

MAIL_STUCK_SECONDS = 900.0
"""A mail that has not gone for so long will not go by itself soon."""
_NAMED, _WINDOWS = 5, 3
_NAV = (
    ("escalations", "Escalations", "inbox"),
    ("incidents", "Incidents", "list"),
    ("patterns", "Patterns", "learned"),
    ("experts", "Experts", "says"),
    ("success", "Success", "chart"),
    ("checks", "Checks", "pulse"),
    ("maintenance", "Maintenance", "pause"),
    ("decisions", "Decisions", "ticks"),
)


class Sign(Word):
    """One thing that the strip says; `href` leads to where it is told in full."""

    icon: str
    tone: str = ""
    text: str
    title: str = ""
    href: str = ""


class Way(Word):
    """One way of the rail, with how much there is."""

    name: str
    word: str
    icon: str
    href: str
    here: bool
    n: int = 0
    waits: bool = False


class Frame(Word):
    host: str
    waits: int
    """Escalations that nobody has taken."""
    dead: bool
    signs: tuple[Sign, ...]
    ways: tuple[Way, ...]
    as_of: str

    @property
    def favicon(self) -> str:
        return "dead" if self.dead else "waits" if self.waits else "ok"


@blueprint.app_context_processor
def _in_templates() -> Json:
    """`make_frame` is called by the pages that have one: the way in and what went wrong may not read the tables."""
    return {"make_frame": frame, "actor": here().actor, "next_page": request.full_path.removesuffix("?")}


def frame() -> Frame:
    status, why_dead = here().status, here().why_dead
    waits = int(status["escalations"].get("open", 0)) - int(status["snoozed"])
    signs = tuple(_signs(status, why_dead, here().config))
    return Frame(
        host=socket.gethostname(), waits=waits, dead=bool(why_dead), signs=signs, ways=tuple(_ways(status, waits)), as_of=utc()[11:19]
    )


def _ways(status: Json, waits: int) -> Iterator[Way]:
    counts = {
        "escalations": waits,
        "incidents": sum(status["incidents"].values()),
        "checks": len(status["blind_checks"]),
        "maintenance": len(status["maintenance"]),
        "decisions": int(status["decisions_waiting"]),
    }
    place = request.path.split("/")[1] or "escalations"
    for name, word, icon in _NAV:
        href, n = url_for(f"pages.{name}"), counts.get(name, 0)
        yield Way(name=name, word=word, icon=icon, href=href, here=name == place, n=n, waits=name == "escalations" and n > 0)


def _signs(status: Json, why_dead: str, config: Config) -> Iterator[Sign]:
    """What is as it should be is told in two words, and nothing else of it."""
    summary = status["daemon"]["summary"] if status["daemon"] else {}
    summary = summary if isinstance(summary, dict) else {}
    yield _watched(status, why_dead)
    if (away := summary.get("hands_away")) and not why_dead:
        yield Sign(icon="blind", tone="bad", text=f"NOTHING IS HEALED: {one_line(away)}", title="orchestrator doctor")
    yield _mode(summary, config)
    yield from _damaged(status["put_back"])
    yield from _maintenance(status["maintenance"])
    if names := [check["name"] for check in status["blind_checks"]]:
        title = one_line(", ".join(names[:_NAMED]))
        yield Sign(icon="blind", tone="tell", text=f"{_count(len(names), 'check')} blind", title=title, href=url_for("pages.checks"))
    if spent := status["models"]["spent"]:
        text = f"no model is asked since {spent['since'][11:16]} UTC: the day's budget is spent"
        yield Sign(icon="off", tone="tell", text=text, title=one_line(spent["reason"]), href=url_for("pages.success"))
    if (n := status["mail"]["waiting"]) and (stuck := age(status["mail"]["oldest"])) > MAIL_STUCK_SECONDS:
        yield Sign(icon="mail", tone="bad", text=f"{_count(n, 'mail')} stuck for {lasting(stuck)}", title="orchestrator doctor")
    if n := status["decisions_waiting"]:
        text = f"{_count(n, 'decision')} left for the daemon"
        yield Sign(icon="ticks", tone="tell", text=text, href=url_for("pages.decisions"))


def _damaged(put_back: Sequence[Json]) -> Iterator[Sign]:
    """A database was damaged, and a copy took its place: for a week whoever looks is told what is lost."""
    for row in put_back:
        told = row["detail"] if isinstance(row["detail"], dict) else {}
        lost = f"what was written from {told.get('lost_from', '?')[:16]} to {told.get('lost_to', '?')[:16]} UTC is lost"
        text = f"{told.get('file', 'a file')} was damaged, and a copy took its place: {lost}"
        yield Sign(icon="blind", tone="bad", text=one_line(text), title=one_line(told.get("kept_as", "")))


def _watched(status: Json, why_dead: str) -> Sign:
    if why_dead:
        return Sign(icon="blind", tone="bad", text=f"NOT WATCHED: {why_dead}; look: systemctl status autonomous-orchestrator")
    return Sign(icon="eye", tone="good", text=f"Watched, last look {ago(status['daemon']['tick_at'])}")


def _mode(summary: Json, config: Config) -> Sign:
    """The daemon's own word: it reads its configuration anew, and this process may have read an older one."""
    mode = str(summary.get("mode", config.daemon.mode))
    others = sum(1 for service in config.service if service.mode and service.mode != mode)
    text = f"mode {mode}" + (f", {_count(others, 'service')} otherwise" if others else "")
    return Sign(icon="mode", tone="" if mode == "auto" else "tell", text=text, title=MODES.get(mode, ""))


def _maintenance(windows: Sequence[Json]) -> Iterator[Sign]:
    href = url_for("pages.maintenance")
    for window in windows[:_WINDOWS]:
        what = one_line(window["key"] or window["service"] or "the whole host", 60)
        why = one_line(f"{window['actor']}: {window['reason']}")
        yield Sign(icon="pause", tone="tell", text=f"hands off {what}, ends {until(window['until'])}", title=why, href=href)
    if (more := len(windows) - _WINDOWS) > 0:
        yield Sign(icon="pause", tone="tell", text=f"{more} more", href=href)


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
