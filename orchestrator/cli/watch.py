"""`status`, `checks` and `test-alert`: whether the host is watched, what is wrong now, and whether a mail would arrive."""

import socket
import time

import click

from escalation import Desk, FrontDesk
from orchestrator.cli.options import configured, listing, reader, settings, state_dir, to_look, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.config import Config
from orchestrator.model import Json
from orchestrator.store.life import dead
from orchestrator.store.listing import first
from orchestrator.store.times import age, ago, between, clock, lasting, until
from orchestrator.store.wanted import LIVE_STATES

_SHOWN = 20
_FIXED_SHOWN = 5
_MAIL_SECONDS = 30.0
"""The daemon looks into its outbox each 5 s, and a mail server may take its time."""


@click.command()
@listing
def status() -> int:
    """What is wrong now, on one screen. Exit status 1 when no daemon watches this host, whatever else is right."""
    found = reader().status()
    why_dead = dead(found, to_look().daemon.poll_seconds)
    live = first(reader().list_incidents, 1000, status=LIVE_STATES)
    fixed = first(reader().list_incidents, _FIXED_SHOWN, status=("fixed",))
    if wants_json():
        say_json({**found, "alive": not why_dead, "why_dead": why_dead, "live": live, "fixed_lately": fixed})
    else:
        _tell_daemon(found, why_dead)
        if found["daemon"] is not None:
            _tell_live(live, watched=not why_dead)
            _tell_rest(found)
            _tell_fixed(fixed)
    return 1 if why_dead else 0


@click.command()
@listing
def checks() -> None:
    """What each check looks for, and saw last."""
    from orchestrator.checks import all_checks, checks_for  # noqa: PLC0415

    seen, here = {row["name"]: row for row in reader().checks()}, checks_for(settings())
    unseen = {"state": "", "looked_at": None, "detail": ""}
    left = {"state": "not here", "looked_at": None, "detail": "the whole host's: this daemon watches one user's own systemd"}
    rows = [
        {"name": name, "about": check.about, **(seen.get(name, unseen) if name in here else left)} for name, check in all_checks().items()
    ]
    if wants_json():
        say_json(rows)
    else:
        heads = ("name", "state", "looked", "looks for", "saw")
        table(heads, [(row["name"], row["state"] or "not yet", ago(row["looked_at"]), row["about"], row["detail"]) for row in rows])


@click.command()
@configured
def test_alert() -> None:
    """Send a mail that says that mail works; the same to each channel of [notify].

    It takes the way of a real one: through the outbox, by the daemon if it runs; but at once.
    """
    config = settings()
    if not config.mail.enabled and config.notify.urls_file is None:
        raise click.ClickException("mail is off in the configuration ([mail] enabled = false)")
    FrontDesk(state_dir()).close()  # only the daemon makes or migrates the file; this raises when it has not
    with Desk(state_dir(), config.mail, socket.gethostname()).configure(config) as desk:
        mail = desk.test_mail()
        if dead(reader().status(), config.daemon.poll_seconds):
            say("the daemon does not run: sending it from here")
            desk.deliver(time.time())
    rows = _fates(mail)
    for row in rows:
        _tell_fate(row, config)
    if any(row["status"] != "sent" for row in rows):
        raise click.exceptions.Exit(1)


def _tell_fate(row: Json, config: Config) -> None:
    by_mail = row["channel"] == "mail"
    where = ", ".join(config.mail.to) if by_mail else one_line(row["place"]) or "[notify] urls_file"
    said = one_line(row["last_error"])
    if row["status"] != "sent":
        say(f"not sent to {where}: {said or 'no answer yet'}; it is tried again", style="red", error=True)
    elif by_mail:
        refused = f"; refused: {said}" if said else ""
        say(f"the mail server {config.mail.host}:{config.mail.port} took it for {where}{refused}")
    else:
        say(f"{where} took it")


def _fates(mail: int) -> list[Json]:
    """The mail's way to each channel once all were tried, or as it is when that takes too long."""
    deadline = time.monotonic() + _MAIL_SECONDS
    while True:
        rows = reader().sql(f"SELECT channel, place, status, last_error FROM outbox WHERE mail_id = {mail:d}")  # noqa: S608  # a number
        tried = all(row["status"] in ("sent", "not sent") or row["last_error"] for row in rows)
        if tried or time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


def _tell_daemon(found: Json, why_dead: str) -> None:
    daemon = found["daemon"]
    if daemon is None:
        say(f"NOT WATCHED: no daemon has run on {state_dir()} yet", style="bold red")
        say("  start it: systemctl enable --now autonomous-orchestrator    first look: orchestrator doctor")
        return
    about = f"version {daemon['version']}, mode {_mode(daemon)}"
    if why_dead:
        say(f"NOT WATCHED: the daemon is dead: {why_dead} ({about})", style="bold red")
        say("  look: systemctl status autonomous-orchestrator; journalctl -u autonomous-orchestrator -n 50")
    else:
        say(f"watched: {about}, last tick {ago(daemon['tick_at'])}, up since {clock(daemon['started_at'])}", style="green")
        if away := _summary(daemon).get("hands_away"):
            say(f"NOTHING IS HEALED: {one_line(away)}: orchestrator doctor", style="bold red")


def _mode(daemon: Json) -> str:
    return str(_summary(daemon).get("mode", "unknown"))


def _summary(daemon: Json) -> Json:
    """What the daemon said of itself with its last tick."""
    return daemon["summary"] if isinstance(daemon["summary"], dict) else {}


def _tell_live(live: list[Json], *, watched: bool) -> None:
    say()
    if not live:
        say("nothing is wrong" if watched else "nothing was wrong when it looked last", style="green" if watched else "yellow")
        return
    say(f"wrong now: {len(live)}", style="bold")
    columns = ("id", "status", "severity", "phase", "opened_at", "title", "waiting_for")
    rows = [[ago(row[name]) if name == "opened_at" else row[name] for name in columns] for row in live[:_SHOWN]]
    table(("n", "state", "severity", "phase", "since", "what", "waits for"), rows)
    if len(live) > _SHOWN:
        say(f"and {len(live) - _SHOWN} more: orchestrator incidents")
    say("the story of one: orchestrator show N")


def _tell_rest(found: Json) -> None:
    """What else a person should know; nothing is printed for what is as it should be."""
    for back in found["put_back"]:
        say(f"DAMAGED: {one_line(damage_told(back))}", style="bold red")
    for check in found["blind_checks"]:
        say(f"blind: {check['name']} for {lasting(age(check['changed_at']))}: {one_line(check['detail'])}", style="yellow")
    for window in found["maintenance"]:
        kind, what = "silence" if window["key"] else "maintenance", one_line(window["key"] or window["service"] or "the whole host")
        told = f"{kind}: {what}, ends {until(window['until'])}, by {one_line(window['actor'])}: {one_line(window['reason'])}"
        say(told, style="yellow")
    standing = {name: n for name, n in found["escalations"].items() if name != "resolved"}
    if standing:
        say(f"escalations: {', '.join(f'{n} {name}' for name, n in standing.items())}: orchestrator escalations", style="yellow")
    if spent := found["models"]["spent"]:
        told = f"models: none is asked since {clock(spent['since'])}, until midnight UTC: {one_line(spent['reason'])}"
        say(f"{told}: orchestrator metrics", style="yellow")
    mail = found["mail"]
    if mail["waiting"]:
        say(f"mail: {mail['waiting']} not sent, the oldest from {ago(mail['oldest'])}: orchestrator doctor", style="yellow")
    if found["decisions_waiting"]:
        say(f"decisions: {found['decisions_waiting']} wait for the daemon", style="yellow")


def damage_told(back: Json) -> str:
    """What became of a damaged file, in a line."""
    told = back["detail"] if isinstance(back["detail"], dict) else {}
    file, lost_from, lost_to = (str(told.get(name)) for name in ("file", "lost_from", "lost_to"))
    return f"{file}: a copy took its place; what was written from {clock(lost_from)} to {clock(lost_to)} is lost ({told.get('kept_as')})"


def _tell_fixed(fixed: list[Json]) -> None:
    if fixed:
        say("\nfixed lately")
        rows = [(row["id"], ago(row["resolved_at"]), _took(row), row["phase"], row["title"]) for row in fixed]
        table(("n", "when", "took", "phase", "what"), rows)


def _took(row: Json) -> str:
    return between(row["opened_at"], row["resolved_at"])
