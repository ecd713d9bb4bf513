"""What systemd says of units, as frozen snapshots. Pure values: nothing here asks anything.

Times are seconds since the epoch, 0.0 is never. Lengths are seconds. systemd's "unset" (2^64-1) is None, for a length
`math.inf`: `TimeoutStartUSec=infinity` is a promise to wait forever, not a missing value.
"""

import math
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

EXITED, KILLED, DUMPED = 1, 2, 3
"""waitid(2): CLD_EXITED, CLD_KILLED, CLD_DUMPED, the values of `exec_main_code`. 0: it did not end yet, or never ran."""

SETUP_STATUSES = {
    200: "CHDIR", 201: "NICE", 202: "FDS", 203: "EXEC", 204: "MEMORY", 205: "LIMITS", 206: "OOM_ADJUST", 207: "SIGNAL_MASK", 208: "STDIN",
    209: "STDOUT", 210: "CHROOT", 211: "IOPRIO", 212: "TIMERSLACK", 213: "SECUREBITS", 214: "SETSCHEDULER", 215: "CPUAFFINITY",
    216: "GROUP", 217: "USER", 218: "CAPABILITIES", 219: "CGROUP", 220: "SETSID", 221: "CONFIRM", 222: "STDERR", 224: "PAM",
    225: "NETWORK", 226: "NAMESPACE", 227: "NO_NEW_PRIVILEGES", 228: "SECCOMP", 229: "SELINUX_CONTEXT", 230: "PERSONALITY",
    231: "APPARMOR", 232: "ADDRESS_FAMILIES", 233: "RUNTIME_DIRECTORY", 235: "CHOWN", 236: "SMACK_PROCESS_LABEL", 237: "KEYRING",
    238: "STATE_DIRECTORY", 239: "CACHE_DIRECTORY", 240: "LOGS_DIRECTORY", 241: "CONFIGURATION_DIRECTORY", 242: "NUMA_POLICY",
    243: "CREDENTIALS", 244: "BPF",
}  # fmt: skip
"""systemd.exec(5), "Process Exit Codes": at which step systemd itself failed before the program ran."""

CLOSED_FOR_ITS_SERVICE = "service-start-limit-hit"
"""systemd.socket(5): the `Result=` of a socket that systemd closed since the service behind it was started too often."""
OVERRUN = "trigger-limit-hit"
"""The same for one to which too many connections came at once."""
_BEFORE_MAIN = ("ExecCondition", "ExecStartPre")
_AFTER_MAIN = "ExecStartPost"
_SIGNALS = frozenset(signal.Signals)


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One row of `systemctl list-units --all`."""

    name: str
    load_state: str
    active_state: str
    sub_state: str
    job_id: int = 0
    following: str = ""
    """The unit whose state this one mirrors (a device under another name); empty for a unit of its own."""


@dataclass(frozen=True, slots=True)
class Job:
    """One queued or running job of systemd."""

    id: int
    unit: str
    type: str
    state: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that somebody asked for."""

    at: float
    with_dependency: str = ""
    """The unit whose own stop, restart or death took this one down; empty when this very unit was asked to stop."""


@dataclass(frozen=True, slots=True)
class Unit:
    """All that the daemon reads of one unit, of one moment. A field that the unit's type does not have keeps its default."""

    name: str
    names: tuple[str, ...] = ()
    description: str = ""
    load_state: str = "not-found"
    load_error: str = ""
    active_state: str = "inactive"
    sub_state: str = "dead"
    result: str = ""
    unit_file_state: str = ""
    fragment_path: str = ""
    drop_ins: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    environment_paths: tuple[str, ...] = ()
    """The absolute paths among the values of Environment=; what else stands there may be a secret."""
    needed_environment_files: tuple[str, ...] = ()
    """Those without the `-` that lets one be missing."""
    source_path: str = ""
    need_daemon_reload: bool = False
    condition_result: bool = False
    transient: bool = False
    invocation_id: str = ""
    freezer_state: str = "running"
    """`frozen` after `systemctl freeze`: an administrator's act, which no process state shows."""
    job_id: int = 0
    job_type: str = ""
    """start, stop, restart, ...: empty without a job, or when the job ended while it was asked after."""

    type: str = ""
    remain_after_exit: bool = False
    restart: str = "no"
    restart_seconds: float = 0.0
    n_restarts: int = 0
    start_limit_burst: int = 0
    start_limit_seconds: float = 0.0
    trigger_limit_seconds: float = 0.0
    """Of a socket: systemd counts the connections of so long, and closes it beyond TriggerLimitBurst=."""
    timeout_start: float = math.inf
    timeout_stop: float = math.inf
    can_reload: bool = False
    refuse_manual_start: bool = False
    refuse_manual_stop: bool = False

    main_pid: int = 0
    control_pid: int = 0
    control_group: str = ""
    slice: str = ""
    exec_main_code: int = 0
    exec_main_status: int = 0
    exec_statuses: Mapping[str, int] = field(default_factory=dict)
    """For each Exec line that ran and ended badly (`ExecStartPre`, ...), its worst exit status; a signal counts 128 + n.
    ExecMainStatus stays 0 when ExecStartPre fails, so the main status alone hides the cause."""
    failed_lines: tuple[str, ...] = ()
    """Those lines of it that are not the main process, as the unit file has them: `ExecStartPost=/usr/bin/test -e /x`."""
    exec_start: tuple[tuple[str, ...], ...] = ()
    """The argv of each ExecStart line."""
    programs: tuple[str, ...] = ()
    """What its ExecStartPre and ExecStart lines run, but for those whose errors are ignored."""
    dynamic_user: bool = False
    cpu_seconds: float = 0.0
    """Of a CPU, that its run has used so far; 0.0 also where systemd does not count."""
    own_root: bool = False
    """Runs with a root file system of its own (RootDirectory=, RootImage=): its paths are not the host's."""
    status_text: str = ""
    log_level_max: int = 7
    """LogLevelMax=: what PID 1 says of the unit beyond this level is not written down either."""

    user: str = ""
    group: str = ""
    pid_file: str = ""
    working_directory: str = ""
    may_lack_working_directory: bool = False
    runtime_directories: tuple[str, ...] = ()
    state_directories: tuple[str, ...] = ()
    cache_directories: tuple[str, ...] = ()
    logs_directories: tuple[str, ...] = ()
    configuration_directories: tuple[str, ...] = ()
    """Directories as absolute paths."""
    sandbox_paths: tuple[str, ...] = ()
    """What ReadWritePaths=, BindPaths= and their like name, and what must be there for the sandbox to be set up."""
    credentials: tuple[str, ...] = ()
    """The files that LoadCredential= reads."""
    listen: tuple[str, ...] = ()
    """The addresses of a socket unit, as systemd writes them: `/run/x.sock`, `127.0.0.1:80`, `[::]:80`."""
    where: str = ""
    what: str = ""
    """Where a mount or automount unit mounts, and what."""

    changed_at: float = 0.0
    active_enter_at: float = 0.0
    active_exit_at: float = 0.0
    inactive_enter_at: float = 0.0
    main_started_at: float = 0.0
    main_exited_at: float = 0.0
    reloaded_at: float = 0.0
    """When the last ExecReload began, or was done where systemd has forgotten that; 0.0 when there is none or none ran."""
    last_trigger_at: float = 0.0
    next_elapse_at: float = 0.0
    """Of a timer: when it fired last, and when it will fire; 0.0 is never."""
    repeats: bool = False
    """A timer that is meant to fire again and again; not one that fires once after the boot, or on one day."""

    requires: tuple[str, ...] = ()
    requisite: tuple[str, ...] = ()
    binds_to: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    stop_propagated_from: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    requisite_of: tuple[str, ...] = ()
    bound_by: tuple[str, ...] = ()
    consists_of: tuple[str, ...] = ()
    propagates_stop_to: tuple[str, ...] = ()
    upholds: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    conflicted_by: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    requires_mounts_for: tuple[str, ...] = ()

    memory_current: int | None = None
    memory_max: int | None = None
    tasks_current: int | None = None
    tasks_max: int | None = None
    limit_nofile: int | None = None

    @property
    def running(self) -> bool:
        """Is active or reloading. Not yet health: a shallow `active` lies."""
        return self.active_state in ("active", "reloading")

    @property
    def enabled(self) -> bool:
        """Whether the boot starts it by itself. What is only `static` is started by another unit, or by a call on the bus."""
        return self.unit_file_state in ("enabled", "enabled-runtime", "generated", "alias")

    @property
    def overrun_until(self) -> float:
        """Until when a socket that too many connections closed is closed again by the next one; 0.0 for any other unit."""
        return self.inactive_enter_at + self.trigger_limit_seconds if self.result == OVERRUN else 0.0

    @property
    def in_transition(self) -> bool:
        """Whether systemd is at work on it: starting, stopping, waiting to restart it, or a job is queued."""
        return self.active_state in ("activating", "deactivating", "reloading") or self.job_id != 0

    @property
    def down(self) -> bool:
        """Is inactive or failed, and nobody is about to change that."""
        return self.active_state in ("inactive", "failed") and self.job_id == 0

    @property
    def dead_reason(self) -> str:
        """Why it is not running, in words, by systemd's own fields; empty while it runs."""
        if self.running:
            return ""
        if self.load_state != "loaded":
            return f"{self.load_state}: {self.load_error}" if self.load_error else self.load_state
        failed = next((line for line in _BEFORE_MAIN if line in self.exec_statuses), "")
        if _AFTER_MAIN in self.exec_statuses and self.exec_main_status == signal.SIGTERM:
            failed = _AFTER_MAIN  # systemd ends the main process for it
        if not failed and self.exec_main_code != 0 and self.exec_main_status:
            killed = self.exec_main_code in (KILLED, DUMPED)
            return f"main process {_killed(self.exec_main_status) if killed else _exited(self.exec_main_status)}"
        failed = failed or next(iter(self.exec_statuses), "")
        if failed:
            status = self.exec_statuses[failed]
            return f"{failed} {_killed(status - 128) if status - 128 in _SIGNALS else _exited(status)}"
        if self.result == OVERRUN:
            return f"too many connections came within {self.trigger_limit_seconds:g} s (TriggerLimitBurst=)"
        return f"result {self.result}" if self.result not in ("", "success") else "ended without an error"


def _exited(status: int) -> str:
    return f"exited with status {status}" + (f" ({SETUP_STATUSES[status]})" if status in SETUP_STATUSES else "")


def _killed(number: int) -> str:
    return f"was killed by {signal.Signals(number).name if number in _SIGNALS else f'signal {number}'}"
