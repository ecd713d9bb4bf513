"""How the last run of a unit ended, from the lines of PID 1."""

import pytest

from orchestrator.checks.unit_crash_loop import is_steady, last_run_seconds
from orchestrator.host import Line, Unit
from orchestrator.host.endings import PROCESS_EXIT, at_last_end
from orchestrator.host.stops import DEACTIVATED, FAILED, STARTED, STARTING

RUNNING = Unit(name="web.service", load_state="loaded", active_state="active", sub_state="running", result="success")


def line(message_id: str, **fields: str) -> Line:
    return Line(at=1.0, message="", trusted=True, fields={"MESSAGE_ID": message_id, **fields})


STATUS_78 = (line(PROCESS_EXIT, EXIT_CODE="exited", EXIT_STATUS="78"), line(FAILED, UNIT_RESULT="exit-code"))
SEGFAULT = (line(PROCESS_EXIT, EXIT_CODE="dumped", EXIT_STATUS="11"), line(FAILED, UNIT_RESULT="core-dump"))
WELL = (line(DEACTIVATED),)


@pytest.mark.parametrize(
    ("lines", "result", "reason"),
    [
        (STATUS_78, "exit-code", "main process exited with status 78"),
        ((*STATUS_78, line(STARTED)), "exit-code", "main process exited with status 78"),
        ((*STATUS_78, line(STARTED), *SEGFAULT, line(STARTED)), "core-dump", "main process was killed by SIGSEGV"),
        ((*STATUS_78, line(STARTED), *WELL, line(STARTED)), "success", "ended without an error"),
        ((line(FAILED, UNIT_RESULT="watchdog"), line(STARTED)), "watchdog", "result watchdog"),
    ],
)
def test_the_newest_end_counts(lines: tuple[Line, ...], result: str, reason: str) -> None:
    """A run that has begun meanwhile hides nothing, and an older end tells nothing of the newest one."""
    ended = at_last_end(RUNNING, lines)
    assert (ended.running, ended.result, ended.dead_reason) == (False, result, reason)


def test_without_an_end_it_is_as_it_is() -> None:
    """A journal that tells of no end (it is new, or was vacuumed) changes nothing."""
    assert at_last_end(RUNNING, (line(STARTED),)) is RUNNING


def at(moment: float, message_id: str, **fields: str) -> Line:
    return Line(at=moment, message="", trusted=True, fields={"MESSAGE_ID": message_id, **fields})


def test_how_long_the_last_run_lasted() -> None:
    """From its start to its exit, though systemd's own times are those of the run that has begun since."""
    now = Unit(
        name="web.service", active_state="active", active_enter_at=105.0, active_exit_at=104.0, main_started_at=105.0, main_exited_at=104.0
    )
    lines = (at(90.0, FAILED), at(91.0, STARTED), at(104.0, PROCESS_EXIT), at(104.1, FAILED), at(105.0, STARTED))
    ended = at_last_end(now, lines)
    assert last_run_seconds(ended) == 13.0
    assert [is_steady(now, ended, moment) for moment in (107.0, 120.0, 126.0)] == [False, False, True]


def test_a_start_that_never_came_to_be_active_was_short() -> None:
    """It lasted from "Starting" to its exit; that an earlier run lasted long says nothing."""
    lines = (at(1.0, STARTED), at(900.0, FAILED), at(901.0, STARTING), at(903.0, PROCESS_EXIT), at(903.1, FAILED), at(904.0, STARTING))
    assert last_run_seconds(at_last_end(RUNNING, lines)) == 2.0
