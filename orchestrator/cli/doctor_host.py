"""`doctor` on what the daemon needs of the host: systemd, the bus, the journal, the clock; and who else heals here."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress

from orchestrator.cli.daemon_user import daemon_user
from orchestrator.cli.finding import UNIT, Finding
from orchestrator.cli.options import reader
from orchestrator.config import Config
from orchestrator.host import Baseline, Unavailable, View
from orchestrator.host.keepers import keeper_of
from orchestrator.model import is_unit
from orchestrator.store import QueryRefused

_EARLIEST = 1_767_225_600
"""2026-01-01: a clock before the program was written is wrong."""


def look_at_systemd(view: View, config: Config) -> Iterator[Finding]:
    """Through D-Bus, or systemd's own socket: whatever the daemon itself would use."""
    del config
    try:
        state = view.units.system_state()
    except Unavailable as trouble:
        mend = "systemctl start dbus.socket" if os.geteuid() == 0 else "sudo orchestrator doctor"
        yield Finding("systemd", "bad", f"{trouble}; only what needs no systemd is watched", mend)
        return
    yield Finding("systemd", "ok", f"answers: {state}")


def look_at_dbus(view: View, config: Config) -> Iterator[Finding]:
    """Root has a way past it; the daemon's own user has none."""
    del config
    bus = view.units.get("dbus.socket")
    if bus.load_state == "masked":
        yield Finding(
            "dbus", "bad", "dbus.socket is masked: no unit is seen", "systemctl unmask dbus.socket && systemctl start dbus.socket"
        )
    elif bus.load_state == "loaded" and not bus.running:
        user = daemon_user(view)
        cost = f"{user.name} sees no unit" if user else "no signals from systemd"
        yield Finding("dbus", "bad", f"dbus.socket does not run: {cost}", "systemctl start dbus.socket")
    else:
        yield Finding("dbus", "ok", "the socket listens")


def look_at_journal(view: View, config: Config) -> Iterator[Finding]:
    """What the daemon's user reads of it, not whoever asks here."""
    del config
    user = daemon_user(view)
    cost = "causes stay unknown, a stop by hand too"
    if user and user.can(["journalctl", "--quiet", "--lines=1", "--output=cat", "_PID=1"]) is False:
        mend = f"usermod -aG systemd-journal {user.name} && systemctl restart {UNIT}"
        yield Finding("journal", "bad", f"{user.name} cannot read it: {cost}", mend)
    elif not view.journal.has_journal():
        mend = "systemctl restart systemd-journald" if os.geteuid() == 0 else "sudo orchestrator doctor"
        yield Finding("journal", "bad" if os.geteuid() == 0 else "warn", f"cannot be read: {cost}", mend)
    else:
        yield Finding("journal", "ok", f"{user.name} can read it" if user else "can be read")


def look_at_clock(view: View, config: Config) -> Iterator[Finding]:
    """Against the program's own age, the kernel's start, and the newest row."""
    del config
    now, started = time.time(), view.kernel.started_at()
    daemon = reader().status()["daemon"]
    if now < _EARLIEST or started > now:
        yield Finding("clock", "bad", f"it says {time.strftime('%Y-%m-%d %H:%M', time.gmtime(now))} UTC", "timedatectl set-ntp true")
    elif daemon and daemon["tick_at"] > time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now + 60)):
        yield Finding("clock", "warn", "the last tick lies ahead: the clock was set back", f"systemctl restart {UNIT}")
    else:
        yield Finding("clock", "ok", "plausible")


def look_at_rivals(view: View, config: Config) -> Iterator[Finding]:
    """Two who start the same service work against each other."""
    rivals = dict.fromkeys([*_other_healers(view), *_keepers(view, config)])
    for unit, what in rivals:
        yield Finding("rivals", "warn", what, f"systemctl disable --now {unit}")
    if not rivals:
        yield Finding("rivals", "ok", "nobody else heals what is declared")


def _keepers(view: View, config: Config) -> Iterator[tuple[str, str]]:
    with suppress(QueryRefused, ValueError, TypeError):  # nothing is known yet of what runs here while all is well
        for row in reader().sql("SELECT data FROM baseline"):
            view.baseline = Baseline.from_json(json.loads(row["data"]))
    for service in config.service:
        if service.unit and is_unit(service.unit) and (keeper := keeper_of(view, view.units.get(service.unit))):
            yield keeper, f"{keeper} starts {service.unit} too: whatever the one stops, the other starts"


def _other_healers(view: View) -> Iterator[tuple[str, str]]:
    """Another daemon of this kind, with a state of its own."""
    for pid, _ in view.processes.programs():
        with suppress(Unavailable):
            process = view.processes.get(pid)
            if process and process.unit.endswith(".service") and process.unit != UNIT and _is_healer(process.argv):
                yield process.unit, f"process {pid} of {process.unit} is another healer of this host"


def _is_healer(argv: tuple[str, ...]) -> bool:
    names = [part.rpartition("/")[2] for part in argv]
    return any(pair == ("orchestrator", "run") for pair in itertools.pairwise(names))
