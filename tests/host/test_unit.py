"""What D-Bus gives becomes a Unit, and a Unit says plainly how it stands."""

import math
import time
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.host import Unit
from orchestrator.host.properties import unit_from
from orchestrator.host.systemd import is_soon, unit_name, unit_path

UNSET = 2**64 - 1


def _line(code: int, status: int, *, ignored: bool = False, started: int = 0) -> tuple[Any, ...]:
    return ("/bin/x", ["/bin/x", "-t"], ignored, started, 0, 0, 0, 0, code, status)


def _from(**values: Any) -> Unit:
    return unit_from({"Id": ("s", "web.service"), **{name: ("", value) for name, value in values.items()}})


def test_unset_is_none_and_never_18_exabytes() -> None:
    """systemd's 2^64-1 is no number of bytes, tasks or files; a time-out of it is for ever."""
    unit = _from(MemoryCurrent=UNSET, MemoryMax=1024, TasksCurrent=UNSET, TasksMax=7, LimitNOFILESoft=UNSET, TimeoutStartUSec=UNSET)
    assert (unit.memory_current, unit.memory_max, unit.tasks_current, unit.tasks_max, unit.limit_nofile) == (None, 1024, None, 7, None)
    assert unit.timeout_start == math.inf


def test_times_are_seconds_and_never_is_zero() -> None:
    """Microseconds become seconds since the epoch."""
    unit = _from(StateChangeTimestamp=1795222492394818, InactiveEnterTimestamp=0, RestartUSec=100_000, TimeoutStopUSec=90_000_000)
    assert (unit.changed_at, unit.inactive_enter_at, unit.restart_seconds, unit.timeout_stop) == (1795222492.394818, 0.0, 0.1, 90.0)


def test_every_bad_exec_line_is_read() -> None:
    """The worst status of each kind of line, but none that `-` forgives; a signal counts 128 and its number."""
    unit = _from(ExecStartPre=[_line(1, 0), _line(1, 1)], ExecStartPost=[_line(1, 9, ignored=True)], ExecStop=[_line(2, 15)])
    assert unit.exec_statuses == {"ExecStartPre": 1, "ExecStop": 143}


def test_paths_and_addresses_are_whole() -> None:
    """Directories are absolute, addresses without their type, a working directory without its mark."""
    unit = _from(
        RuntimeDirectory=["web"], StateDirectory=["web/data"], Listen=[("Stream", "/run/web.sock")], WorkingDirectory="!/srv/web",
        EnvironmentFiles=[("/etc/default/web", True)], ExecReload=[_line(1, 0, started=1795222492394818)],
    )  # fmt: skip
    assert unit.runtime_directories == ("/run/web",)
    assert unit.state_directories == ("/var/lib/web/data",)
    assert (unit.listen, unit.working_directory) == (("/run/web.sock",), "/srv/web")
    assert unit.environment_files == ("/etc/default/web",)
    assert unit.reloaded_at == 1795222492.394818


def test_a_timer_elapses_at_the_sooner_time() -> None:
    """A timer's monotonic time is put on the wall clock, and the sooner of the two counts."""
    soon = int((time.monotonic() + 60) * 1e6)
    unit = _from(NextElapseUSecMonotonic=soon, NextElapseUSecRealtime=int((time.time() + 3600) * 1e6))
    assert unit.next_elapse_at == pytest.approx(time.time() + 60, abs=5)
    assert _from(NextElapseUSecMonotonic=UNSET, NextElapseUSecRealtime=0).next_elapse_at == 0.0


@pytest.mark.parametrize(
    ("fields", "running", "in_transition", "down"),
    [
        ({"active_state": "active"}, True, False, False),
        ({"active_state": "reloading"}, True, True, False),
        ({"active_state": "activating", "sub_state": "auto-restart"}, False, True, False),
        ({"active_state": "failed"}, False, False, True),
        ({"active_state": "failed", "job_id": 7}, False, True, False),
        ({"active_state": "inactive"}, False, False, True),
    ],
)
def test_how_a_unit_stands(fields: dict[str, Any], *, running: bool, in_transition: bool, down: bool) -> None:
    """Running, under way, or down: a queued job or an automatic restart is not down."""
    unit = Unit(name="web.service", **fields)
    assert (unit.running, unit.in_transition, unit.down) == (running, in_transition, down)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active_state": "active"}, ""),
        ({"load_state": "not-found"}, "not-found"),
        ({"load_state": "bad-setting", "load_error": "no ExecStart"}, "bad-setting: no ExecStart"),
        ({"exec_main_code": 1, "exec_main_status": 3}, "main process exited with status 3"),
        ({"exec_main_code": 2, "exec_main_status": 9}, "main process was killed by SIGKILL"),
        ({"exec_main_code": 1, "exec_main_status": 143}, "main process exited with status 143"),
        ({"exec_main_code": 1, "exec_main_status": 203}, "main process exited with status 203 (EXEC)"),
        ({"exec_statuses": {"ExecStartPre": 1}}, "ExecStartPre exited with status 1"),
        ({"exec_statuses": {"ExecStartPre": 137}}, "ExecStartPre was killed by SIGKILL"),
        ({"exec_statuses": {"ExecStartPre": 217}}, "ExecStartPre exited with status 217 (USER)"),
        ({"exec_statuses": {"ExecStop": 1}}, "ExecStop exited with status 1"),
        ({"exec_statuses": {"ExecStop": 1}, "exec_main_code": 2, "exec_main_status": 11}, "main process was killed by SIGSEGV"),
        ({"exec_main_code": 2, "exec_main_status": 200}, "main process was killed by signal 200"),
        ({"result": "resources"}, "result resources"),
        ({"result": "trigger-limit-hit", "trigger_limit_seconds": 2.0}, "too many connections came within 2 s (TriggerLimitBurst=)"),
        ({"result": "success"}, "ended without an error"),
    ],
)
def test_why_a_unit_is_dead(fields: dict[str, Any], reason: str) -> None:
    """systemd's own fields in words, the first cause first."""
    assert Unit(**{"name": "web.service", "load_state": "loaded", "active_state": "failed"} | fields).dead_reason == reason


@pytest.mark.parametrize("name", ["web.service", "web@a-b.service", "srv-data\\x20x.mount", "0day.service", "a:b_c.timer"])
def test_a_unit_has_a_path_and_back(name: str) -> None:
    """systemd's escaping of names into D-Bus paths, both ways."""
    assert unit_name(unit_path(name)) == name


def test_paths_are_spelled_as_systemd_does() -> None:
    """Letters and digits stay, but for a first digit."""
    assert unit_path("0web.service").endswith("/unit/_30web_2eservice")
    assert unit_name("/org/freedesktop/systemd1/job/5") == ""


def test_a_socket_that_was_overrun_waits_for_its_interval() -> None:
    """Opened before systemd has stopped counting, the first connection closes it again."""
    closed = Unit(name="web.socket", result="trigger-limit-hit", inactive_enter_at=100.0, trigger_limit_seconds=2.0)
    assert closed.overrun_until == 102.0
    assert replace(closed, result="resources").overrun_until == 0.0


@pytest.mark.parametrize(("seconds", "soon"), [(-5, True), (60, True), (43_200, False)])
def test_a_reboot_of_tonight_is_not_soon(*, seconds: int, soon: bool) -> None:
    """What crashes at noon is not left down until then; what crashes in its last minutes is."""
    assert is_soon(f"USEC={1_000 + seconds}000000\nWARN_WALL=1\nMODE=reboot\n", 1_000.0) is soon
    assert is_soon("MODE=reboot\n", 1_000.0)
