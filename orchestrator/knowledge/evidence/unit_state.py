from collections.abc import Iterator

from orchestrator.checks.unit_crash_loop import last_run_seconds
from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.knowledge.exit_statuses import result, step
from orchestrator.model import Case, Evidence, is_unit

_CRASHES = ("signal", "core-dump", "watchdog", "oom-kill")
_EXEC_STATUSES = range(200, 246)
"""systemd.exec(5), "Process Exit Codes": systemd itself could not set the process up; no restart cures that."""
_NOT_CONFIGURED = (6, 78)
"""LSB "program is not configured" and EX_CONFIG."""


@observation(early=True)
def unit_state(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What systemd knows of the unit, in the words that runbooks match."""
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    service = config.service_of(case.fault.target)
    server = view.servers.of(service.target) if service else None
    facts = {
        "unit.load": unit.load_state,
        "unit.active": unit.active_state,
        "unit.sub": unit.sub_state,
        "unit.result": unit.result,
        "unit.server": server.name if server else "",
        "unit.type": unit.type or unit.name.rsplit(".", 1)[-1],
        "unit.enabled": unit.unit_file_state,
        "unit.transient": "yes" if unit.transient else "no",
        "unit.restart": unit.restart,
        "unit.exit": exit_class(unit),
        "unit.status": str(_status(unit)),
        "unit.step": at.step if (at := step(_status(unit))) else "",
        "unit.step_about": at.about if at else "",
        "unit.means": at.means if at else result(unit.result),
        "unit.reload_needed": "yes" if unit.need_daemon_reload else "",
        "unit.ran_before": "yes" if unit.name in view.baseline.active else "no",
        "unit.up": "yes" if unit.running else "",
        "unit.end": unit.dead_reason,
        "unit.failed_line": "" if unit.running else "; ".join(unit.failed_lines),
        "unit.run_seconds": f"{last_run_seconds(unit):.1f}",
    }
    yield Evidence(source="unit_state", text=_told(unit), facts={name: value for name, value in facts.items() if value})


def exit_class(unit: Unit) -> str:
    """How its last run ended: running, crash, setup (systemd could not start it), config, error, timeout, clean or never."""
    status = _status(unit)
    told = (
        ("running", unit.running),
        ("crash", unit.result in _CRASHES),
        ("setup", unit.result == "resources" or status in _EXEC_STATUSES),
        ("timeout", unit.result in ("timeout", "protocol")),
        ("config", status in _NOT_CONFIGURED),
        ("error", unit.result not in ("success", "")),
        ("clean", unit.active_enter_at > 0),
    )
    return next((name for name, holds in told if holds), "never")


def _status(unit: Unit) -> int:
    """The worst exit status of all its lines: the main one stays 0 when ExecStartPre failed."""
    return max((unit.exec_main_status if unit.exec_main_code == 1 else 0, *unit.exec_statuses.values()), default=0)


def _told(unit: Unit) -> str:
    lines = [
        unit.name,
        *([f"description: {unit.description}"] if unit.description else []),
        f"load: {unit.load_state} {unit.load_error}".rstrip(),
        f"state: {unit.active_state} ({unit.sub_state}), result {unit.result or 'none'}",
        f"end: {unit.dead_reason}" if unit.dead_reason else f"main pid: {unit.main_pid}",
        f"restart: {unit.restart}, {unit.n_restarts} automatic restarts",
        f"unit file: {unit.fragment_path or 'none'} ({unit.unit_file_state or 'no state'})"
        + ("; changed on disk since systemd read it" if unit.need_daemon_reload else ""),
    ]
    if unit.exec_statuses:
        lines.append("exit statuses: " + ", ".join(f"{line} {status}" for line, status in unit.exec_statuses.items()))
    return "\n".join(lines)
