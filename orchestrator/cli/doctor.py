"""`doctor`: what of the daemon itself does not work, and the line that mends it."""

import os
import time
from collections.abc import Callable, Iterator

import click

from orchestrator.cli.at_the_door import look_at_dashboard
from orchestrator.cli.finding import UNIT, Finding
from orchestrator.cli.options import listing, reader, settings, state_dir, wants_json
from orchestrator.cli.own_state import look_at_databases, look_at_directory
from orchestrator.cli.printing import STYLES, one_line, say, say_json
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.store import StoreFailed, StoreUnusable
from orchestrator.store.life import dead
from orchestrator.store.times import age, ago, lasting

_OLD_MAIL_SECONDS = 900.0
_EARLIEST = 1_767_225_600
"""2026-01-01: a clock before the program was written is wrong."""


Look = Callable[[View, Config], Iterator[Finding]]


@click.command()
@listing
def doctor() -> int:
    """Whether the daemon has what it needs.

    One line a part, and for what is not right the line that mends it.

    Exit status 1 when something is bad. A warning is 0.
    """
    config = settings()
    view = View(state_dir())
    try:
        found = [finding for look in _LOOKS for finding in _looked(look, view, config)]
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
        yield Finding(look.__name__.strip("_"), "warn", f"cannot tell: {trouble}", "" if os.geteuid() == 0 else "sudo orchestrator doctor")


def _daemon(view: View, config: Config) -> Iterator[Finding]:
    del view
    found = reader().status()
    if why := dead(found, config.daemon.poll_seconds):
        yield Finding("daemon", "bad", why, f"systemctl enable --now {UNIT}; journalctl -u {UNIT} -n 50")
    else:
        about = found["daemon"]
        yield Finding("daemon", "ok", f"pid {about['pid']}, version {about['version']}, last tick {ago(about['tick_at'])}")
        if isinstance(about["summary"], dict) and about["summary"].get("events") is False:
            yield Finding("events", "warn", "systemd's signals do not reach it; the sweep sees everything, later", "systemctl status dbus")
    if found["decisions_waiting"]:
        yield Finding("inbox", "warn", f"{found['decisions_waiting']} decisions wait for the daemon", f"systemctl restart {UNIT}")


def _lock(view: View, config: Config) -> Iterator[Finding]:
    """Only one healer works on a state directory, and it is the one that ticks."""
    del config
    holder = view.files.lock_holder(str(state_dir() / "lock"))
    daemon = reader().status()["daemon"]
    if holder and daemon and holder != daemon["pid"]:
        yield Finding("lock", "bad", f"process {holder} holds it, and process {daemon['pid']} ticked last", f"systemctl restart {UNIT}")
    else:
        yield Finding("lock", "ok", f"held by process {holder}" if holder else "free: no healer runs")


def _systemd(view: View, config: Config) -> Iterator[Finding]:
    """Through D-Bus, or systemd's own socket: whatever the daemon itself would use."""
    del config
    try:
        state = view.units.system_state()
    except Unavailable as trouble:
        yield Finding("systemd", "bad", f"{trouble}; only what needs no systemd is watched", "systemctl status dbus.socket")
        return
    yield Finding("systemd", "ok", f"answers: {state}")
    for line in view.units.failed():
        if line.name == UNIT:
            yield Finding("unit", "bad", f"{UNIT} failed", f"systemctl status {UNIT}")


def _dbus(view: View, config: Config) -> Iterator[Finding]:
    del config
    bus = view.units.get("dbus.socket")
    if bus.load_state == "loaded" and not bus.running:
        yield Finding("dbus", "bad", "dbus.socket does not run: no signals from systemd", "systemctl start dbus.socket")
    else:
        yield Finding("dbus", "ok", "the socket listens")


def _journal(view: View, config: Config) -> Iterator[Finding]:
    del config
    if view.journal.has_journal():
        yield Finding("journal", "ok", "can be read")
    else:
        as_root = os.geteuid() == 0
        mend = "systemctl status systemd-journald" if as_root else "sudo orchestrator doctor"
        yield Finding("journal", "bad" if as_root else "warn", "cannot be read: causes stay unknown, a stop by hand too", mend)


def _state(view: View, config: Config) -> Iterator[Finding]:
    del view, config
    yield from look_at_directory(state_dir())


def _databases(view: View, config: Config) -> Iterator[Finding]:
    del view, config
    yield from look_at_databases(state_dir())


def _mail(view: View, config: Config) -> Iterator[Finding]:
    del view
    if not config.mail.enabled:
        yield Finding("mail", "warn", "is off: escalations wait to be looked for", "[mail] enabled = true")
        return
    import socket  # noqa: PLC0415

    from escalation.mail import Server  # noqa: PLC0415
    from escalation.words import SendFailed  # noqa: PLC0415

    try:
        with Server(config.mail, socket.gethostname()):
            yield Finding("mail", "ok", f"{config.mail.host}:{config.mail.port} answers; whether it arrives: orchestrator test-alert")
    except SendFailed as error:
        yield Finding("mail", "bad", f"{error}; escalations reach nobody by mail", "mend the mail server, or [mail] host and port")


def _outbox(view: View, config: Config) -> Iterator[Finding]:
    """What is on its way for long: nobody has heard of it."""
    del view, config
    waiting = reader().status()["mail"]
    if waiting["waiting"] and (old := age(waiting["oldest"])) > _OLD_MAIL_SECONDS:
        many = waiting["waiting"] > 1
        what = f"{waiting['waiting']} mails wait, the oldest for {lasting(old)}" if many else f"1 mail waits, for {lasting(old)}"
        yield Finding("outbox", "bad", what, "orchestrator test-alert")


def _host(view: View, config: Config) -> Iterator[Finding]:
    """What the configuration names and the host lacks."""
    del view
    from orchestrator.cli.naming import missing  # noqa: PLC0415

    lacking = list(missing(config))
    for line in lacking:
        yield Finding("declared", "warn", line, "orchestrator check-config")
    if not lacking:
        yield Finding("declared", "ok", "all that the configuration names is there")


def _dashboard(view: View, config: Config) -> Iterator[Finding]:
    yield from look_at_dashboard(view, config)


def _knowledge(view: View, config: Config) -> Iterator[Finding]:
    del view, config
    from orchestrator.cli.options import beside_config  # noqa: PLC0415
    from orchestrator.knowledge import experts, runbooks  # noqa: PLC0415

    try:
        books, roster = runbooks.load(beside_config("runbooks.d")), experts.load(beside_config("experts.d"))
    except (runbooks.RunbookError, experts.ExpertError) as error:
        yield Finding("knowledge", "bad", str(error), "correct the file, or move it away")
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


def _clock(view: View, config: Config) -> Iterator[Finding]:
    """Against the program's own age, the kernel's start, and the newest row."""
    del config
    now, started = time.time(), view.kernel.started_at()
    daemon = reader().status()["daemon"]
    if now < _EARLIEST or started > now:
        yield Finding("clock", "bad", f"it says {time.strftime('%Y-%m-%d %H:%M', time.gmtime(now))} UTC", "timedatectl set-ntp true")
    elif daemon and daemon["tick_at"] > time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now + 60)):
        yield Finding("clock", "warn", "the last tick lies ahead: the clock was set back", "timedatectl status")
    else:
        yield Finding("clock", "ok", "plausible")


_LOOKS: tuple[Look, ...] = (
    _daemon, _lock, _systemd, _dbus, _journal, _state, _databases, _mail, _outbox, _dashboard, _knowledge, _models, _host, _clock,
)  # fmt: skip
