"""How the last run of a unit ended, when the next one has begun already: systemd's own fields tell of the present run alone.

PID 1 wrote it down: `Main process exited` with code and status, `Failed with result` with the result; a run that ended well
has only `Deactivated`.
"""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.host.journal import Line
from orchestrator.host.stops import DEACTIVATED, FAILED, STARTED, STARTING
from orchestrator.host.unit import DUMPED, EXITED, KILLED, Unit

PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
_CODES = {"exited": EXITED, "killed": KILLED, "dumped": DUMPED}
_ENDS = (DEACTIVATED, FAILED)


def at_last_end(unit: Unit, lines: Sequence[Line]) -> Unit:
    """The unit as it was between its last run and this one; as it is where the lines tell of no end."""
    ends = [number for number, line in enumerate(lines) if line.fields.get("MESSAGE_ID") in _ENDS]
    if not ends:
        return unit
    since = ends[-2] + 1 if len(ends) > 1 else 0
    return _ended(unit, lines[since : ends[-1]], lines[ends[-1]])


def _ended(unit: Unit, run: Sequence[Line], end: Line) -> Unit:
    """`run` are the lines of that one run, without its end."""
    exited, began, started = (_last(run, kind) for kind in (PROCESS_EXIT, STARTING, STARTED))
    status = exited.fields.get("EXIT_STATUS", "") if exited else ""
    over = exited.at if exited else end.at
    first = started or began
    return replace(
        unit,
        active_state="activating",
        sub_state="auto-restart",
        result=end.fields.get("UNIT_RESULT", "success"),
        exec_main_code=_CODES.get(exited.fields.get("EXIT_CODE", ""), EXITED) if exited else EXITED,
        exec_main_status=int(status) if status.isdigit() else 0,
        active_enter_at=started.at if started else 0.0,
        active_exit_at=over if started else 0.0,
        main_started_at=first.at if first else over,
        main_exited_at=over,
    )


def _last(lines: Sequence[Line], kind: str) -> Line | None:
    return next((line for line in reversed(lines) if line.fields.get("MESSAGE_ID") == kind), None)
