"""Which lines of a unit's log may tell why it is down or does not answer.

Clients write into logs too: what stood there while all was well explains nothing, however alarming it reads. So only the run in
question speaks, only its own processes and PID 1 are heard, and what was killed from outside has said nothing about it.
"""

from collections.abc import Sequence
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM

from orchestrator.host.journal import Line
from orchestrator.host.stops import STARTED, STARTING
from orchestrator.host.unit import KILLED, Unit

_FROM_OUTSIDE = frozenset((SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM, SIGSTOP, SIGCONT))
"""Signals that no program raises by its own fault."""
_DYING_SECONDS = 10.0
_SERVED_SECONDS = 10.0
"""A run that lasted longer has met clients: of those lines only the last count."""
_ORDER_SECONDS = 0.1
"""PID 1 and the program reach journald by different sockets: what the program says first may stand before "Starting"."""
_BEGINS = (STARTING, STARTED)


def last_words(lines: Sequence[Line], unit: Unit, *, answered_at: float = 0.0) -> tuple[Line, ...]:
    """The lines that count. `answered_at` is when its probes passed last (seconds since the epoch; 0.0: never, or it has none)."""
    heard = [line for line in lines if _is_own(line, unit.name)]
    if unit.running:
        return tuple(line for line in heard if line.at > answered_at)
    if killed_from_outside(unit):
        return ()
    begin = heard[_run_begins(heard, runs=2 if unit.in_transition else 1)].at - _ORDER_SECONDS if heard else 0.0
    run = [line for line in heard if line.at >= begin]
    if run and run[-1].at - run[0].at > _SERVED_SECONDS:
        return tuple(line for line in run if line.at >= run[-1].at - _DYING_SECONDS)
    return tuple(run)


def killed_from_outside(unit: Unit) -> bool:
    """Its main process, and no other line of the unit ended badly."""
    return unit.exec_main_code == KILLED and unit.exec_main_status in _FROM_OUTSIDE and set(unit.exec_statuses) <= {"ExecStart"}


def _is_own(line: Line, unit: str) -> bool:
    """Of PID 1, of the unit's own processes, or of a child of PID 1 that has not become the program yet: `(name)` in brackets.

    Whoever is root can write a line about any unit; journald's own fields tell where it came from.
    """
    early = line.comm.startswith("(") and line.comm.endswith(")")
    return line.trusted or line.unit == unit or early or line.unit.startswith("systemd-coredump@")


def _run_begins(lines: Sequence[Line], runs: int) -> int:
    """Where the last run, or the last but one, begins. A refused start is none: it has no line that says "starting"."""
    begun: list[str] = []
    index = 0
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if line.trusted and line.fields.get("MESSAGE_ID") in _BEGINS:
            invocation = line.fields.get("INVOCATION_ID", "")
            if invocation not in begun:
                begun.append(invocation)
            if len(begun) > runs:
                return index
            index = number
    return index if begun else 0
