"""How the last run of a unit ended, when the next one has begun already: systemd's own fields tell of the present run alone.

PID 1 wrote it down: `Main process exited` with code and status, `Failed with result` with the result; a run that ended well
has only `Deactivated`.
"""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.host.journal import Line
from orchestrator.host.stops import DEACTIVATED, FAILED
from orchestrator.host.unit import DUMPED, EXITED, KILLED, Unit

PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
_CODES = {"exited": EXITED, "killed": KILLED, "dumped": DUMPED}
_ENDS = (DEACTIVATED, FAILED)


def at_last_end(unit: Unit, lines: Sequence[Line]) -> Unit:
    """The unit as it was between its last run and this one; as it is where the lines tell of no end."""
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].fields.get("MESSAGE_ID") in _ENDS:
            return _ended(unit, lines[number], _exit_before(lines[:number]))
    return unit


def _exit_before(lines: Sequence[Line]) -> Line | None:
    """The exit that belongs to an end: none where an older end comes first."""
    for line in reversed(lines):
        message = line.fields.get("MESSAGE_ID")
        if message == PROCESS_EXIT:
            return line
        if message in _ENDS:
            return None
    return None


def _ended(unit: Unit, end: Line, last: Line | None) -> Unit:
    status = last.fields.get("EXIT_STATUS", "") if last else ""
    return replace(
        unit,
        active_state="activating",
        sub_state="auto-restart",
        result=end.fields.get("UNIT_RESULT", "success"),
        exec_main_code=_CODES.get(last.fields.get("EXIT_CODE", ""), EXITED) if last else EXITED,
        exec_main_status=int(status) if status.isdigit() else 0,
    )
