"""What the actions on units share: a look before anything is touched (law 10), and whether a unit is up."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from orchestrator.checks.certificate_standing import UNUSABLE, trouble, unit_of
from orchestrator.config import CommandProbe, Config
from orchestrator.host import ChangeFailed, ProbeResult, Unit, UnitLine, View
from orchestrator.host.known_servers import TEST_SECONDS
from orchestrator.host.setting_up import missing_account, missing_program
from orchestrator.host.unit import CLOSED_FOR_ITS_SERVICE
from orchestrator.model import Action, Case, UnitName, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

AT_WORK = "systemd is at work on "
"""So a refusal says that is over as soon as systemd's own job is."""
_DOWN = ("inactive", "failed")


class OnUnit(Action):
    """An action on one unit."""

    unit: UnitName

    def targets(self) -> tuple[str, ...]:
        return (self.unit,)

    def command(self) -> str:
        verb = self.kind.removesuffix("_unit").replace("_", "-")
        return shlex.join(["systemctl", verb, self.unit])


# ---- which units ----


def own_unit(case: Case, view: View, config: Config) -> Unit | None:
    """The incident's own unit, if it is one that may be touched."""
    target = case.scope.target
    return view.units.get(target) if is_unit(target) and not config.protects_unit(target) else None


def serving_unit(case: Case, view: View, config: Config) -> Unit | None:
    """The incident's own unit; that of a certificate is the one that serves it."""
    declared = next((item for item in config.certificate if item.file == case.scope.target), None)
    unit = unit_of(view, declared) if declared else own_unit(case, view, config)
    return unit if unit and not protected(config, unit) else None


def idle_units(case: Case, view: View) -> Iterator[UnitLine]:
    """The units of the scope that are down, or that systemd only means to start again: the nearest to the root first.

    The incident's own one also while systemd cannot use its file: a plan may mend that first.
    """
    for line in view.units.named(case.scope.units):
        waits = (line.active_state, line.sub_state) == ("activating", "auto-restart")
        usable = line.load_state == "loaded" or (line.name == case.scope.target and line.load_state != "masked")
        if usable and (waits or (line.active_state in _DOWN and not line.job_id)):
            yield line


# ---- why it must not be touched now ----


def against_start(view: View, config: Config, unit: Unit) -> str:
    """Why a start must not be tried now; empty when nothing stands against it. A protected unit that is declared may be started."""
    if protected(config, unit) and not any(config.service_of(name) for name in (unit.name, *unit.names)):
        return protected(config, unit)
    if unit.refuse_manual_start:
        return f"{unit.name} is not to be started by hand (RefuseManualStart=)"
    not_now = unusable(unit) or occupied(unit) or _upgrade(view) or _not_set_up(view, unit)
    return not_now or against_config(view, config, unit) or _against_neighbours(view, config, unit)


def against_restart(view: View, config: Config, unit: Unit) -> str:
    """Why a restart would do harm now: what runs could not come back."""
    if unit.running and unit.refuse_manual_stop:
        return f"{unit.name} is not to be stopped by hand (RefuseManualStop=)"
    return protected(config, unit) or against_start(view, config, unit) or (_no_room(view, unit) if unit.running else "")


def _against_neighbours(view: View, config: Config, unit: Unit) -> str:
    """Whom `bring_up` would stop or start along, and must not: a socket's services for its own sake, a service's closed socket."""
    for service in _behind(view, unit):
        if reason := against_restart(view, config, service):
            return f"{unit.name} cannot be opened under {service.name}: {reason}"
    declared = config.service_of(unit.name) is not None
    doors = (protected(config, door) for door in _closed_doors(view, unit) if not (declared or config.service_of(door.name)))
    return next(filter(None, doors), "")


def protected(config: Config, unit: Unit) -> str:
    """By any of its names: an alias says nothing of what stands behind it."""
    return next((f"{name} is protected" for name in (unit.name, *unit.names) if config.protects_unit(name)), "")


def unusable(unit: Unit) -> str:
    match unit.load_state:
        case "loaded":
            return ""
        case "masked":
            return f"{unit.name} is masked: an administrator's decision"
        case "not-found":
            return f"{unit.name} does not exist"
        case _:
            return f"systemd cannot use {unit.name}: {unit.load_error or unit.load_state}"


def occupied(unit: Unit) -> str:
    """A job is replaced by the next one: whoever asked for it would lose it. A unit that only waits for its restart has none."""
    if unit.job_id:
        return f"{AT_WORK}{unit.name}: a {unit.job_type or 'queued'} job"
    return f"{unit.name} is just being stopped" if unit.active_state == "deactivating" else ""


def _not_set_up(view: View, unit: Unit) -> str:
    if program := missing_program(view, unit):
        return f"{program}, which {unit.name} runs, is not there or cannot be executed"
    account = missing_account(unit)
    return f"the account {account} of {unit.name} does not exist" if account else ""


def against_config(view: View, config: Config, unit: Unit) -> str:
    """What the service's own test says of its configuration. What runs is not risked for a test that could not be run."""
    if broken := _broken_certificate(view, config, unit):
        return broken
    result = config_test(view, config, unit)
    if result is None or result.ok or (result.blind and not unit.running):
        return ""
    said = result.detail.strip().splitlines() or ["no reason given"]
    return f"the config test of {unit.name} {'could not be run' if result.blind else 'fails'}: {said[0][:300]}"


def _broken_certificate(view: View, config: Config, unit: Unit) -> str:
    """A server with half a pair does not come up, and one that runs with the whole one of before would not come back."""
    verdicts = (trouble(view, item) for item in config.certificate if item.unit == unit.name)
    return next((verdict.message for verdict in verdicts if verdict and verdict.reason in UNUSABLE), "")


def config_test(view: View, config: Config, unit: Unit) -> ProbeResult | None:
    """The result of the declared test, as the user that runs the service, or of that of the well-known server that it runs.

    None where there is none, and where one that nobody declared could not be run.
    """
    service = config.service_of(unit.name)
    if service is None:
        return None
    if service.config_test:
        declared = CommandProbe(command=service.config_test, timeout_seconds=TEST_SECONDS)
        return _with_its_directories(view, unit, view.probe(declared, service.user or unit.user or None))
    known = view.servers.test(service.target)
    result = _with_its_directories(view, unit, view.probe(*known)) if known else None
    return None if result and result.blind else result


def _with_its_directories(view: View, unit: Unit, result: ProbeResult) -> ProbeResult:
    """A test that only misses a directory beneath /run that systemd makes at the start (sshd's) has told nothing of the files."""
    missing = [path for path in unit.runtime_directories if path in result.detail and view.files.look(path) is None]
    return replace(result, blind=True) if not result.ok and missing else result


def _upgrade(view: View) -> str:
    busy = view.packages.busy()
    return f"a package upgrade is under way: {busy}" if busy else ""


def _no_room(view: View, unit: Unit) -> str:
    """A service on a full disk may run on what it holds in memory, and not come back."""
    for path in (*unit.state_directories, unit.working_directory.lstrip("-!")):
        if not path.startswith("/"):
            continue
        mount = view.mounts.of_path(path)
        usage = view.mounts.usage(mount.point)
        if not mount.read_only and (usage.available == 0 or (usage.inodes and usage.inodes_used >= usage.inodes)):
            return f"{mount.point}, where {unit.name} keeps its data, is full"
    return ""


def lives(view: View, pid: int, started_at: float) -> bool:
    """Whether it still is that process, and more than a line in a table: a zombie has ended, and only its parent can read it."""
    process = view.processes.get(pid)
    return process is not None and process.state != "Z" and view.processes.is_same(pid, started_at)


# ---- bringing it up ----


def not_up(unit: Unit) -> str:
    """Why the unit is not what a start promises: running, or for a oneshot ended well."""
    ended_well = unit.type == "oneshot" and unit.active_state == "inactive" and unit.result == "success" and unit.exec_main_status == 0
    if unit.running or ended_well:
        return ""
    return f"{unit.name} is {unit.active_state} ({unit.sub_state}): {unit.dead_reason}"


def bring_up(machine: "Machine", verb: Literal["start", "restart"], name: str) -> str:
    """Start or restart the unit and wait for the end of the job. Raises ChangeFailed when it is not up then."""
    before = machine.view.units.get(name)
    if not before.running:  # what is down may be held back by its start limit, and a socket by that of its service
        for held_back in (name, *before.triggers):
            machine.units.reset_failed(held_back)
        _open_doors(machine, before)
    with _aside(machine, before):
        after = machine.units.job(verb, before)
    if after.invocation_id == before.invocation_id and not before.running:
        raise ChangeFailed(f"{name} was not started: {_held_back(machine.view, after)}")
    trouble = not_up(after)
    if trouble:
        raise ChangeFailed(trouble)
    return f"{name} is {after.active_state} ({after.sub_state})"


@contextmanager
def _aside(machine: "Machine", unit: Unit) -> Iterator[None]:
    """What a socket starts is down while the socket is made anew: systemd opens none under a service that runs."""
    running = _behind(machine.view, unit)
    for service in running:
        machine.units.job("stop", service)
    try:
        yield
    finally:
        for service in running:
            machine.units.job("start", service)


def _open_doors(machine: "Machine", unit: Unit) -> None:
    """A socket that was closed because this service did not start: it must be open first, no socket is opened under a running service."""
    for door in _closed_doors(machine.view, unit):
        machine.units.reset_failed(door.name)
        machine.units.job("start", door)


def _behind(view: View, unit: Unit) -> tuple[Unit, ...]:
    """The services that run behind a socket."""
    names = unit.triggers if unit.name.endswith(".socket") else ()
    return tuple(service for name in names if (service := view.units.get(name)).running)


def _closed_doors(view: View, unit: Unit) -> tuple[Unit, ...]:
    """The sockets that were closed because this service did not start."""
    doors = map(view.units.get, () if unit.running else unit.triggered_by)
    return tuple(door for door in doors if door.down and door.result == CLOSED_FOR_ITS_SERVICE)


def _held_back(view: View, unit: Unit) -> str:
    down = [need for need in view.units.needs(unit.name) if not_up(view.units.get(need))]
    if down:
        return f"it needs {', '.join(down[:5])}, which is not up"
    return "systemd gave no reason" if unit.condition_result else "a condition in its unit file is not met"
