"""The frame of every page: whether anybody watches the host, how far the daemon may go, what is stuck, what waits."""

import socket
from collections.abc import Iterator

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
_NAV = (
    ("escalations", "Escalations", "inbox"),
    ("incidents", "Incidents", "list"),
    ("patterns", "Patterns", "learned"),
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
    if why_dead:
        yield Sign(icon="blind", tone="bad", text=f"NOT WATCHED: {why_dead}", title="systemctl status autonomous-orchestrator")
    else:
        yield Sign(icon="eye", tone="good", text=f"Watched, last look {ago(status['daemon']['tick_at'])}")
    yield _mode(config)
    for window in status["maintenance"][:3]:
        yield _maintenance(window)
    if len(status["maintenance"]) > 3:
        yield Sign(icon="pause", tone="tell", text=f"{len(status['maintenance']) - 3} more windows", href=url_for("pages.maintenance"))
    if blind := len(status["blind_checks"]):
        names = ", ".join(check["name"] for check in status["blind_checks"][:5])
        text = f"{blind} check{'s' if blind > 1 else ''} blind"
        yield Sign(icon="blind", tone="tell", text=text, title=one_line(names), href=url_for("pages.checks"))
    mail = status["mail"]
    if mail["waiting"] and (stuck := age(mail["oldest"])) > MAIL_STUCK_SECONDS:
        text = f"{mail['waiting']} mails stuck for {lasting(stuck)}"
        yield Sign(icon="mail", tone="bad", text=text, title="orchestrator doctor")
    if decided := status["decisions_waiting"]:
        text = f"{decided} decision{'s' if decided > 1 else ''} wait{'' if decided > 1 else 's'} for the daemon"
        yield Sign(icon="ticks", tone="tell", text=text, href=url_for("pages.decisions"))


def _mode(config: Config) -> Sign:
    mode = str(config.daemon.mode)
    others = sum(1 for service in config.service if service.mode and service.mode != config.daemon.mode)
    text = f"mode {mode}" + (f", {others} service{'s' if others > 1 else ''} otherwise" if others else "")
    return Sign(icon="mode", tone="" if mode == "auto" else "tell", text=text, title=MODES[mode])


def _maintenance(window: Json) -> Sign:
    what = one_line(window.get("key") or window["service"] or "the whole host", 60)
    why = one_line(f"{window['actor']}: {window['reason']}")
    return Sign(
        icon="pause", tone="tell", text=f"hands off {what}, ends {until(window['until'])}", title=why, href=url_for("pages.maintenance")
    )
