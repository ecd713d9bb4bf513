"""`doctor`: what of the daemon itself does not work, and the line that mends it."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace

import click

from orchestrator.cli.at_the_door import look_at_dashboard
from orchestrator.cli.daemon_user import shown
from orchestrator.cli.doctor_hands import look_at_hands
from orchestrator.cli.doctor_host import look_at_clock, look_at_dbus, look_at_journal, look_at_rivals, look_at_systemd
from orchestrator.cli.doctor_mail import look_at_mail, look_at_outbox
from orchestrator.cli.doctor_rights import look_at_configuration, look_at_sandboxes, look_at_secrets
from orchestrator.cli.finding import UNIT, Finding
from orchestrator.cli.options import listing, reader, settings, state_dir, wants_json
from orchestrator.cli.own_state import look_at_copies, look_at_databases, look_at_directory, look_at_room
from orchestrator.cli.printing import STYLES, one_line, say, say_json
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.store import StoreFailed, StoreUnusable
from orchestrator.store.life import dead
from orchestrator.store.times import ago

Look = Callable[[View, Config], Iterator[Finding]]
_OF_SYSTEMD = re.compile(r"\b(systemctl|journalctl)\b(?! --user)")
"""In a line that mends: the words that speak to the host's systemd, where the user's own is meant."""


@click.command()
@listing
def doctor() -> int:
    """Whether the daemon has what it needs.

    One line a part, the worst first, and for what is not right the line that mends it, to be pasted as it stands.

    Exit status 1 when something is bad. A warning is 0.
    """
    config = settings()
    view = View.of(config)
    try:
        # Of what is equally bad the deeper comes first: a daemon is dead because its disk is full, and not the other way round.
        found = sorted((finding for look in _LOOKS for finding in _looked(look, view, config)), key=lambda item: item.rank)
        if config.daemon.manager == "user":
            found = [replace(item, mend=_OF_SYSTEMD.sub(r"\1 --user", item.mend)) for item in found]
    finally:
        view.close()
    if wants_json():
        say_json([{"part": item.part, "state": item.state, "what": item.what, "mend": item.mend} for item in found])
    else:
        for item in found:
            say(f"{item.state:<5}{item.part:<11}{one_line(item.what)}", style=STYLES[item.state])
            if item.mend:
                say(f"                mend: {item.mend}")
    return 1 if any(item.state == "bad" for item in found) else 0


def _looked(look: Look, view: View, config: Config) -> Iterator[Finding]:
    """A part that cannot be asked about is a warning, whatever stands in the way: the other parts still count."""
    try:
        yield from look(view, config)
    except (Unavailable, StoreFailed, StoreUnusable, OSError) as trouble:
        part = look.__name__.removeprefix("look_at_").strip("_")
        yield Finding(part, "warn", f"cannot tell: {trouble}", "" if os.geteuid() == 0 else "sudo orchestrator doctor")


def _daemon(view: View, config: Config) -> Iterator[Finding]:
    found = reader().status()
    if why := dead(found, config.daemon.poll_seconds):
        yield Finding("daemon", "bad", why, _started(view))
    else:
        about = found["daemon"]
        yield Finding("daemon", "ok", f"pid {about['pid']}, version {about['version']}, last tick {ago(about['tick_at'])}")
        if isinstance(about["summary"], dict) and about["summary"].get("events") is False:
            yield Finding(
                "events", "warn", "systemd's signals do not reach it; the sweep sees everything, later", f"systemctl restart {UNIT}"
            )
    if found["decisions_waiting"]:
        yield Finding("inbox", "warn", f"{found['decisions_waiting']} decisions wait for the daemon", f"systemctl restart {UNIT}")


def _started(view: View) -> str:
    """By what systemd says of its unit."""
    look_after = f"journalctl -u {UNIT} -n 50 --no-pager"
    try:
        unit = view.units.get(UNIT)
    except Unavailable:
        return f"systemctl enable --now {UNIT}; {look_after}"
    if unit.load_state == "masked":
        return f"systemctl unmask {UNIT} && systemctl enable --now {UNIT}"
    if unit.exec_main_status == os.EX_CONFIG and not unit.running:
        return f"orchestrator check-config && systemctl restart {UNIT}"
    return f"systemctl restart {UNIT}" if unit.running else f"systemctl enable --now {UNIT}; {look_after}"


def _watchdog(view: View, config: Config) -> Iterator[Finding]:
    """Whether systemd ends a daemon that hangs."""
    if view.units.get(UNIT).load_state != "loaded":
        return
    if shown(UNIT, "WatchdogUSec", of_user=config.daemon.manager == "user") in ("0", "infinity"):
        place = shlex.quote(f"{view.manager.wanted_beneath}/{UNIT}.d")
        mend = f"printf '[Service]\\nWatchdogSec=60\\n' > {place}/20-watchdog.conf && systemctl daemon-reload && systemctl restart {UNIT}"
        yield Finding("watchdog", "warn", "is off: a daemon that hangs is not started again", f"mkdir -p {place} && {mend}")
    else:
        yield Finding("watchdog", "ok", "systemd starts a daemon that hangs again")


def _lock(view: View, config: Config) -> Iterator[Finding]:
    """Only one healer works on a state directory, and it is the one that ticks."""
    del config
    holder = view.files.lock_holder(str(state_dir() / "lock"))
    daemon = reader().status()["daemon"]
    if holder and daemon and holder != daemon["pid"]:
        yield Finding("lock", "bad", f"process {holder} holds it, and process {daemon['pid']} ticked last", f"systemctl restart {UNIT}")
    else:
        yield Finding("lock", "ok", f"held by process {holder}" if holder else "free: no healer runs")


def _host(view: View, config: Config) -> Iterator[Finding]:
    """What the configuration names and the host lacks."""
    del view
    from orchestrator.cli.naming import missing  # noqa: PLC0415

    lacking = list(missing(config))
    for line in lacking:
        yield Finding("declared", "warn", line, "orchestrator check-config")
    if not lacking:
        yield Finding("declared", "ok", "all that the configuration names is there")


def _knowledge(view: View, config: Config) -> Iterator[Finding]:
    del view, config
    from orchestrator.cli.options import beside_config  # noqa: PLC0415
    from orchestrator.knowledge import experts, runbooks  # noqa: PLC0415

    try:
        books, roster = runbooks.load(beside_config("runbooks.d")), experts.load(beside_config("experts.d"))
    except (runbooks.RunbookError, experts.ExpertError) as error:
        yield Finding("knowledge", "bad", str(error), "orchestrator check-config")
    else:
        yield Finding("knowledge", "ok", f"{len(books)} runbooks, {len(roster)} experts")


def _models(view: View, config: Config) -> Iterator[Finding]:
    del view
    from orchestrator.cli.models import look_at_models  # noqa: PLC0415

    yield from look_at_models(config.agents, state_dir())
    if config.agents.traces:
        from phases.otel import NO_LIBRARY, is_installed  # noqa: PLC0415

        words, mend = NO_LIBRARY.split(": ")
        yield Finding("traces", "ok", f"go to {config.agents.traces}") if is_installed() else Finding("traces", "warn", words, mend)


_LOOKS: tuple[Look, ...] = (
    look_at_room, look_at_clock, look_at_systemd, look_at_dbus, look_at_configuration, look_at_directory, look_at_sandboxes,
    look_at_databases, look_at_hands, look_at_journal, look_at_secrets, _daemon, _lock, _watchdog, look_at_rivals,
    look_at_mail, look_at_outbox, look_at_dashboard, _knowledge, _models, look_at_copies, _host,
)  # fmt: skip
"""What the others stand on comes first."""
