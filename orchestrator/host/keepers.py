"""Another program of this host that looks after a unit and starts it by itself: a supervisor, a cluster manager, a script.

Two who start the same service work against each other. Only what ran here while all was well counts as one: a service whose script,
or whose own configuration, says that it starts this unit.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from orchestrator.host.errors import Unavailable
from orchestrator.host.processes import Process
from orchestrator.host.provenance import is_interpreter, script_of
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_MONITORS = {"monit": ("/etc/monit/monitrc", "/etc/monit/conf.d", "/etc/monit/conf-enabled", "/etc/monitrc", "/etc/monit.d")}
"""By the name of its program: where a supervisor of services is told what to start."""
_CLUSTER = re.compile(r"^\s*Before\s*=.*\bpacemaker\.service\b", re.MULTILINE)
"""Pacemaker puts a drop-in beneath /run for each unit that it controls."""
_OF_PROGRAMS = "/run/systemd/system/"
_TEXT_BYTES = 64 << 10
_FILES = 50


def keeper_of(view: View, unit: Unit) -> str:
    """Who starts the unit by itself when it ends; empty for nobody."""
    for path in unit.drop_ins:
        if path.startswith(_OF_PROGRAMS) and _CLUSTER.search(_text(view, path)):
            return "pacemaker.service"
    starts = _starts(unit.name)
    for process in _services(view, besides=unit.name):
        if any(starts.search(_text(view, path)) for path in _told_by(view, process)):
            return process.unit
    return ""


def _services(view: View, besides: str) -> Iterator[Process]:
    """The scripts and supervisors that run as services, and ran so while all was well."""
    for pid, exe in view.processes.programs():
        if not is_interpreter(exe) and PurePosixPath(exe).name not in _MONITORS:
            continue
        with suppress(Unavailable):
            process = view.processes.get(pid)
            if process and process.unit != besides and process.unit.endswith(".service") and process.unit in view.baseline.active:
                yield process


def _starts(name: str) -> re.Pattern[str]:
    """A command that starts the unit, in a shell's words or as a list: `systemctl restart x`, `"systemctl", "start", "x.service"`."""
    stem = re.escape(name.removesuffix(".service"))
    return re.compile(
        rf"\bsystemctl\b[^\n#]{{0,80}}?\b(?:re)?start\b[^\n#;|&]{{0,80}}?[\s\"']{stem}(?:\.service)?(?![\w.@-])"
        rf"|\bservice\W{{1,5}}{stem}\W{{1,5}}(?:re)?start\b|/init\.d/{stem}\W{{1,5}}(?:re)?start\b"
    )


def _told_by(view: View, process: Process) -> Iterator[str]:
    """The files that say what it does: its script, or the configuration of a supervisor."""
    if script := script_of(process):
        yield script
    for place in _MONITORS.get(PurePosixPath(process.exe).name, ()):
        state = view.files.look(place, follow=True)
        if state and state.kind == "dir":
            yield from (f"{place}/{name}" for name in view.files.entries(place, _FILES))
        elif state:
            yield place


def _text(view: View, path: str) -> str:
    with suppress(Unavailable):
        return view.files.read(path, _TEXT_BYTES).decode(errors="replace")
    return ""
