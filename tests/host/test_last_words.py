"""Of a log that anybody can write to, only what the failing run said itself counts."""

from dataclasses import replace

import pytest

from orchestrator.host import Line, Unit
from orchestrator.host.last_words import last_words
from orchestrator.host.stops import STARTED, STARTING
from orchestrator.host.unit import EXITED, KILLED

FAILED = Unit(name="web.service", active_state="failed", sub_state="failed", result="exit-code", exec_main_code=EXITED, exec_main_status=1)


def says(at: float, message: str, unit: str = "web.service", comm: str = "web") -> Line:
    return Line(at=at, message=message, pid=7, unit=unit, comm=comm)


def begins(at: float, run: str, message_id: str = STARTED) -> Line:
    fields = {"MESSAGE_ID": message_id, "INVOCATION_ID": run}
    return Line(at=at, message="Started", pid=1, unit="web.service", comm="systemd", trusted=True, fields=fields)


def heard(lines: list[Line], unit: Unit = FAILED, answered_at: float = 0.0) -> list[str]:
    return [line.message for line in last_words(lines, unit, answered_at=answered_at) if not line.trusted]


LINES = [begins(0, "a"), says(1, "of the first run"), begins(100, "b", STARTING), says(100.5, "of the second"), begins(101, "b")]


def test_a_run_that_never_served_speaks_whole_and_alone() -> None:
    """What an earlier run logged while it served clients explains no failed start."""
    assert heard(LINES) == ["of the second"]


def test_a_loop_lets_the_run_before_speak_too() -> None:
    """The next run, just begun, has said nothing yet."""
    looping = replace(FAILED, active_state="activating", sub_state="auto-restart")
    assert heard([*LINES[:4], begins(102, "c")], looping) == ["of the second"]


def test_of_a_long_run_the_last_words_count() -> None:
    """A run that served clients may have logged what they sent; only its end is near its cause."""
    assert heard([begins(0, "a"), says(5, "a client's"), says(3000, "its own end")]) == ["its own end"]


@pytest.mark.parametrize(
    ("code", "status", "expected"), [(KILLED, 9, []), (KILLED, 15, []), (KILLED, 6, ["words"]), (EXITED, 1, ["words"])]
)
def test_what_was_killed_from_outside_said_nothing_about_it(code: int, status: int, expected: list[str]) -> None:
    """An abort comes from the program itself, a kill does not."""
    assert heard([begins(0, "a"), says(1, "words")], _ended(code, status)) == expected


def test_what_an_earlier_line_of_the_unit_said_counts_though_the_main_process_was_killed_before() -> None:
    """Its ExecStartPre refused the next start, with the old end of the main process still in systemd's fields."""
    assert heard([begins(0, "a"), says(1, "words")], replace(_ended(KILLED, 9), exec_statuses={"ExecStartPre": 3})) == ["words"]


def _ended(code: int, status: int) -> Unit:
    """As systemd tells it: the end of the main process is the end of its ExecStart line as well."""
    return replace(
        FAILED, exec_main_code=code, exec_main_status=status, exec_statuses={"ExecStart": status if code == EXITED else 128 + status}
    )


def test_of_what_runs_only_the_time_since_it_answered_counts() -> None:
    """It served its users after that line, so the line is not why it does not now."""
    running = replace(FAILED, active_state="active", sub_state="running", exec_main_code=0)
    assert heard([begins(0, "a"), says(50, "before"), says(101, "since")], running, answered_at=100) == ["since"]


def test_strangers_are_not_heard() -> None:
    """Another unit's process, or one of nobody, that writes about this unit, or as if it were systemd."""
    strangers = [
        says(1, "forged", unit="cron.service"),
        says(1, "forged", unit="", comm="systemd"),
        says(1, "forged", unit="session-1.scope"),
    ]
    own = [says(1, "no such program", unit="init.scope", comm="(web)"), says(1, "mine")]
    assert heard([begins(0, "a"), *strangers, *own]) == ["no such program", "mine"]
