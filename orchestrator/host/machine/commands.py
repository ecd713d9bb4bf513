"""Runs the operator's commands, each as a transient unit of its own.

Not as children: a unit is outside the daemon's sandbox, cgroup and limits, ends when it should although the daemon was
restarted meanwhile, and leaves what it said in the journal under its own name.
"""

import re
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from jeepney import DBusAddress, new_method_call  # type: ignore[import-untyped]  # ships no types

from orchestrator.host.bus import CALL_SECONDS, MANAGER, Bus
from orchestrator.host.commands import CommandResult, run
from orchestrator.host.connection import MANAGER_PATH, SYSTEMD, Connection, Refused
from orchestrator.host.errors import ChangeFailed, Unavailable
from orchestrator.host.journal import Journal
from orchestrator.host.systemd import Units
from orchestrator.host.unit import EXITED, Unit

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PREFIX = "autonomous-orchestrator-run-"
"""Of the units' names: protected like everything of the daemon's."""
LAUNCH_SECONDS = 5.0
"""A start command that has not returned by then is the service itself, in the foreground."""
GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL for a command that ran out of time."""

_Property = tuple[str, tuple[str, Any]]
_EXIT_WITH_LAST: _Property = ("ExitType", ("s", "cgroup"))
_KILL_MAIN_ALONE: _Property = ("KillMode", ("s", "process"))
_QUIET: tuple[_Property, ...] = (
    ("LogLevelMax", ("i", 5)),
    ("SyslogLevel", ("i", 5)),  # what it says itself passes, what systemd says of it (6) does not
    ("Environment", ("as", ["LANG=C.UTF-8", f"PATH={PATH}"])),
)
_SYSTEMDS_OWN = range(200, 250)
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.25
_LINES = 20


class Commands:
    def __init__(self, bus: Bus, units: Units, journal: Journal) -> None:
        self._bus = bus
        self._units = units
        self._journal = journal

    def run(self, argv: Sequence[str], *, user: str | None, timeout: float, name: str) -> CommandResult:
        """Run argv to its end. What it leaves running on purpose stays, as if a person had typed it; at the deadline all of it ends.

        A plain child only where no systemd runs. Raises ChangeFailed when it cannot even begin.
        """
        if not Path("/run/systemd/system").is_dir():
            return run(argv, timeout=timeout, user=user)
        return self._run(argv, user, timeout, name, (_KILL_MAIN_ALONE,))

    def look(self, argv: Sequence[str], *, user: str | None, timeout: float, name: str) -> CommandResult:
        """The same for a command that only looks, every some seconds: nothing of it stays, and systemd tells nobody of each.

        One that systemd could not even start is no answer, as of a child: a program that is not there, a user that nobody is.
        """
        if not Path("/run/systemd/system").is_dir():
            return run(argv, timeout=timeout, user=user)
        return self._run(argv, user, timeout, name, _QUIET)

    def _run(self, argv: Sequence[str], user: str | None, timeout: float, name: str, more: Sequence[_Property]) -> CommandResult:
        began = time.monotonic()
        limit: _Property = ("RuntimeMaxUSec", ("t", int((timeout + 2 * GRACE_SECONDS) * 1e6)))  # should this process die meanwhile
        with self._transient(name, argv, user, (*more, limit)) as unit:
            ended = self._wait(unit, timeout, lambda state: state.down)
            if ended is None:
                self._kill(unit)
            seconds = time.monotonic() - began
            code = _exit(ended) if ended and not (more is _QUIET and _never_began(ended)) else None
            return CommandResult(code, self._said(unit), timed_out=ended is None, seconds=seconds)

    def launch(self, argv: Sequence[str], *, user: str | None, name: str) -> str:
        """Run a service's start command, and leave alone what it started; says what became of the command itself.

        The unit lives as long as anything in it does: a command that goes into the background and one that stays in the
        foreground are the same to it, and a shutdown ends both in order. Raises ChangeFailed when it ended badly.
        """
        with self._transient(name, argv, user, (_EXIT_WITH_LAST,)) as unit:
            returned = self._wait(unit, LAUNCH_SECONDS, lambda state: state.down or _main_ended(state))
            if returned and _exit(returned):
                self._kill(unit)
                raise ChangeFailed(f"{argv[0]} ended with status {_exit(returned)}{_last_line(self._said(unit))}")
            return f"{argv[0]} returned" if returned else f"{argv[0]} runs in the foreground"

    @contextmanager
    def _transient(self, name: str, argv: Sequence[str], user: str | None, more: Sequence[_Property]) -> Iterator[str]:
        """Start the unit, and keep systemd from forgetting it before its exit status was read: until the connection closes."""
        if user and self._bus.manager.uid is not None:  # a user's own systemd runs everything as that user, and knows no other
            if user != self._bus.manager.user:
                raise ChangeFailed(f"{argv[0]} is to run as {user}, and nobody here may")
            user = None
        unit = f"{PREFIX}{re.sub('[^A-Za-z0-9._-]', '-', name)[:64]}-{secrets.token_hex(4)}.service"
        try:
            connection = self._bus.open()
        except OSError as error:
            raise ChangeFailed(f"systemd could not be asked to run {argv[0]}: {error}") from None
        try:
            _start(connection, unit, [*_described(argv, user), *more])
            yield unit
        except (Refused, OSError) as error:
            raise ChangeFailed(f"{argv[0]} could not be started: {error}") from None
        finally:
            connection.close()

    def _wait(self, unit: str, seconds: float, ended: Callable[[Unit], bool]) -> Unit | None:
        """The unit as soon as `ended` says so; None when the time was over first."""
        deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
        while True:
            try:
                state = self._units.get(unit)
                if ended(state):
                    return state
            except Unavailable:  # the bus restarts: the command goes on
                pass
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_PAUSE)

    def _kill(self, unit: str) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._bus.call("KillUnit", "ssi", (unit, "all", int(number)))
            except (Refused, Unavailable):  # nothing of it is left
                return
            if self._wait(unit, GRACE_SECONDS, lambda state: state.down):
                return

    def _said(self, unit: str) -> str:
        try:
            return "\n".join(line.message for line in self._journal.tail(unit, lines=_LINES) if not line.trusted)
        except Unavailable:
            return ""


def _described(argv: Sequence[str], user: str | None) -> list[_Property]:
    program = shutil.which(argv[0], path=PATH)
    if program is None:
        raise ChangeFailed(f"{argv[0]} is no program that can be run here")
    return [
        ("Description", ("s", f"Command of the operator: {PurePath(program).name}")),
        ("Type", ("s", "exec")),
        # Without no-env-expand a `$` in an argument would be a variable of systemd's.
        ("ExecStartEx", ("a(sasas)", [(program, list(argv), ["no-env-expand"])])),
        ("CollectMode", ("s", "inactive-or-failed")),
        *([("User", ("s", user))] if user else []),
    ]


def _start(connection: Connection, unit: str, properties: list[_Property]) -> None:
    if connection.on_bus:  # systemd's own socket knows no names, so nobody's going away could end the reference
        properties = [*properties, ("AddRef", ("b", True))]
    try:
        _call_start(connection, unit, properties)
    except Refused as error:
        if "ExitType" not in str(error):
            raise
        # systemd before 250: what the command left running outlives its unit instead.
        _call_start(connection, unit, [_KILL_MAIN_ALONE if item is _EXIT_WITH_LAST else item for item in properties])


def _call_start(connection: Connection, unit: str, properties: list[_Property]) -> None:
    address = DBusAddress(MANAGER_PATH, SYSTEMD, MANAGER)
    message = new_method_call(address, "StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "fail", properties, []))
    connection.call(message, CALL_SECONDS)


def _main_ended(state: Unit) -> bool:
    return state.main_pid == 0 and state.exec_main_code != 0


def _exit(state: Unit) -> int | None:
    """The exit status, -n for signal n; None where systemd forgot it."""
    if not state.exec_main_code:
        return None
    return state.exec_main_status if state.exec_main_code == EXITED else -state.exec_main_status


def _never_began(state: Unit) -> bool:
    """systemd could not run it: systemd.exec(5), 200 and above. A program that ends at once may not have been called active either."""
    return not state.active_enter_at and state.exec_main_status in _SYSTEMDS_OWN


def _last_line(output: str) -> str:
    return f": {output.splitlines()[-1][:200]}" if output else ""
