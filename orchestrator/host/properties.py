"""Turns what D-Bus gives for a unit (`GetAll`) into a Unit. Pure: dictionary in, value out."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.host.unit import DUMPED, KILLED, Unit

Properties = Mapping[str, tuple[str, Any]]
"""Name -> (D-Bus signature, value), as jeepney gives variants."""

_UNSET = 2**64 - 1
_EXEC_LINES = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
_BESIDE_MAIN = ("ExecCondition", "ExecStartPre", "ExecStartPost")
_LINE_CHARACTERS = 300
_SANDBOX = ("ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths")
_BINDS = ("BindPaths", "BindReadOnlyPaths")
_CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted")
_IGNORED, _CODE, _STATUS, _STARTED = 2, 8, 9, 3
"""Places in an Exec line's tuple: path, argv, ignore errors, start (real, monotonic), exit (real, monotonic), pid, code, status."""


def unit_from(properties: Properties, job_type: str = "") -> Unit:
    """A field that the unit's type does not have keeps its default."""
    read = _Reader(properties)
    return Unit(
        name=read.text("Id"),
        names=read.texts("Names"),
        description=read.text("Description"),
        load_state=read.text("LoadState"),
        load_error=read.load_error(),
        active_state=read.text("ActiveState"),
        sub_state=read.text("SubState"),
        result=read.text("Result"),
        unit_file_state=read.text("UnitFileState"),
        fragment_path=read.text("FragmentPath"),
        drop_ins=read.texts("DropInPaths"),
        environment_files=tuple(path for path, _ in read.rows("EnvironmentFiles")),
        environment_paths=tuple(value for line in read.texts("Environment") if (value := line.partition("=")[2]).startswith("/")),
        needed_environment_files=tuple(path for path, may_lack in read.rows("EnvironmentFiles") if not may_lack),
        source_path=read.text("SourcePath"),
        need_daemon_reload=read.flag("NeedDaemonReload"),
        condition_result=read.flag("ConditionResult"),
        transient=read.flag("Transient"),
        invocation_id=read.raw("InvocationID", b"").hex(),
        job_id=read.raw("Job", (0, "/"))[0],
        freezer_state=read.text("FreezerState") or "running",
        job_type=job_type,
        type=read.text("Type"),
        remain_after_exit=read.flag("RemainAfterExit"),
        restart=read.text("Restart") or "no",
        restart_seconds=read.length("RestartUSec"),
        n_restarts=read.number("NRestarts"),
        start_limit_burst=read.number("StartLimitBurst"),
        start_limit_seconds=read.length("StartLimitIntervalUSec"),
        trigger_limit_seconds=read.length("TriggerLimitIntervalUSec"),
        timeout_start=read.length("TimeoutStartUSec", math.inf),
        timeout_stop=read.length("TimeoutStopUSec", math.inf),
        can_reload=read.flag("CanReload"),
        refuse_manual_start=read.flag("RefuseManualStart"),
        refuse_manual_stop=read.flag("RefuseManualStop"),
        main_pid=read.number("MainPID"),
        control_pid=read.number("ControlPID"),
        control_group=read.text("ControlGroup"),
        slice=read.text("Slice"),
        exec_main_code=read.number("ExecMainCode"),
        exec_main_status=read.number("ExecMainStatus"),
        exec_statuses=_exec_statuses(read),
        failed_lines=tuple(_failed_lines(read)),
        exec_start=tuple(tuple(row[1]) for row in read.rows("ExecStart")),
        programs=tuple(row[0] for line in ("ExecStartPre", "ExecStart") for row in read.rows(line) if not row[_IGNORED]),
        dynamic_user=read.flag("DynamicUser"),
        cpu_seconds=(read.count("CPUUsageNSec") or 0) / 1e9,
        own_root=bool(read.text("RootDirectory") or read.text("RootImage")),
        status_text=read.text("StatusText"),
        log_level_max=level if (level := read.raw("LogLevelMax", -1)) >= 0 else 7,
        user=read.text("User"),
        group=read.text("Group"),
        pid_file=read.text("PIDFile"),
        working_directory=read.text("WorkingDirectory").removeprefix("!"),  # `!`: may be missing
        runtime_directories=read.beneath("RuntimeDirectory", "/run"),
        state_directories=read.beneath("StateDirectory", "/var/lib"),
        cache_directories=read.beneath("CacheDirectory", "/var/cache"),
        logs_directories=read.beneath("LogsDirectory", "/var/log"),
        configuration_directories=read.beneath("ConfigurationDirectory", "/etc"),
        may_lack_working_directory=read.text("WorkingDirectory").startswith("!"),
        sandbox_paths=_sandbox_paths(read),
        credentials=tuple(path for name in _CREDENTIALS for _, path in read.rows(name) if path.startswith("/")),
        listen=tuple(address for _, address in read.rows("Listen")),
        where=read.text("Where"),
        what=read.text("What"),
        changed_at=read.moment("StateChangeTimestamp"),
        active_enter_at=read.moment("ActiveEnterTimestamp"),
        active_exit_at=read.moment("ActiveExitTimestamp"),
        inactive_enter_at=read.moment("InactiveEnterTimestamp"),
        main_started_at=read.moment("ExecMainStartTimestamp"),
        main_exited_at=read.moment("ExecMainExitTimestamp"),
        reloaded_at=max((_moment(row[_STARTED]) for row in read.rows("ExecReload")), default=0.0),
        last_trigger_at=read.moment("LastTriggerUSec"),
        next_elapse_at=_next_elapse(read),
        repeats=_repeats(read),
        requires=read.texts("Requires"),
        requisite=read.texts("Requisite"),
        binds_to=read.texts("BindsTo"),
        part_of=read.texts("PartOf"),
        stop_propagated_from=read.texts("StopPropagatedFrom"),
        wants=read.texts("Wants"),
        after=read.texts("After"),
        required_by=read.texts("RequiredBy"),
        requisite_of=read.texts("RequisiteOf"),
        bound_by=read.texts("BoundBy"),
        consists_of=read.texts("ConsistsOf"),
        propagates_stop_to=read.texts("PropagatesStopTo"),
        upholds=read.texts("Upholds"),
        conflicts=read.texts("Conflicts"),
        conflicted_by=read.texts("ConflictedBy"),
        wanted_by=read.texts("WantedBy"),
        triggers=read.texts("Triggers"),
        triggered_by=read.texts("TriggeredBy"),
        requires_mounts_for=read.texts("RequiresMountsFor"),
        memory_current=read.count("MemoryCurrent"),
        memory_max=read.count("MemoryMax"),
        tasks_current=read.count("TasksCurrent"),
        tasks_max=read.count("TasksMax"),
        limit_nofile=read.count("LimitNOFILESoft"),
    )


class _Reader:
    """Typed access by systemd's own names; what is missing is the type's empty value."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties

    def raw(self, name: str, default: Any) -> Any:
        return self._properties.get(name, ("", default))[1]

    def text(self, name: str) -> str:
        return str(self.raw(name, ""))

    def flag(self, name: str) -> bool:
        return bool(self.raw(name, False))  # noqa: FBT003  # the value that stands for a missing one

    def number(self, name: str) -> int:
        return int(self.raw(name, 0))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self.raw(name, ()))

    def rows(self, name: str) -> tuple[tuple[Any, ...], ...]:
        return tuple(self.raw(name, ()))

    def count(self, name: str) -> int | None:
        """None when systemd has no number: no limit, or no controller. Never 18 EB."""
        value = self.raw(name, _UNSET)
        return None if value == _UNSET else int(value)

    def length(self, name: str, default: float = 0.0) -> float:
        """Microseconds as seconds; unset is `math.inf`, missing is the default."""
        value = self.raw(name, None)
        if value is None:
            return default
        return math.inf if value == _UNSET else value / 1e6

    def moment(self, name: str) -> float:
        return _moment(self.raw(name, 0))

    def beneath(self, name: str, root: str) -> tuple[str, ...]:
        return tuple(f"{root}/{directory}" for directory in self.texts(name))

    def load_error(self) -> str:
        name, message = self.raw("LoadError", ("", ""))
        return str(message or name)


def _moment(microseconds: int) -> float:
    return 0.0 if microseconds in (0, _UNSET) else microseconds / 1e6


def _exec_statuses(read: _Reader) -> dict[str, int]:
    """The worst status of each kind of Exec line that ended badly. A line whose errors are ignored (`-`) is no cause."""
    worst: dict[str, int] = {}
    for kind in _EXEC_LINES:
        statuses = [row[_STATUS] + (128 if row[_CODE] in (KILLED, DUMPED) else 0) for row in read.rows(kind) if not row[_IGNORED]]
        if bad := max(statuses, default=0):
            worst[kind] = bad
    return worst


def _failed_lines(read: _Reader) -> Iterator[str]:
    for kind in _BESIDE_MAIN:
        for row in read.rows(kind):
            if (row[_STATUS] or row[_CODE] in (KILLED, DUMPED)) and not row[_IGNORED]:
                yield f"{kind}={' '.join(row[1])}"[:_LINE_CHARACTERS]


def _sandbox_paths(read: _Reader) -> tuple[str, ...]:
    """Without those that `-` lets be missing, and those that `+` looks for in a root file system of the unit's own."""
    named = (path for name in _SANDBOX for path in read.texts(name))
    bound = (row[0] for name in _BINDS for row in read.rows(name) if not row[2])
    return tuple(dict.fromkeys(path for path in (*named, *bound) if path.startswith("/")))


def _repeats(read: _Reader) -> bool:
    """Whether it counts from its own last run, or has a calendar with a wildcard: systemd writes one that is every day as `*-*-*`."""
    monotonic = any(row[0] in ("OnUnitActiveUSec", "OnUnitInactiveUSec") for row in read.rows("TimersMonotonic"))
    return monotonic or any("*" in row[1] for row in read.rows("TimersCalendar"))


def _next_elapse(read: _Reader) -> float:
    """The sooner of a timer's calendar and monotonic times, on the wall clock."""
    moments = [read.moment("NextElapseUSecRealtime")]
    if monotonic := read.moment("NextElapseUSecMonotonic"):
        moments.append(time.time() + monotonic - time.monotonic())
    return min((moment for moment in moments if moment), default=0.0)
