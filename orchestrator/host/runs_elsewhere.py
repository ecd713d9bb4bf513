"""Who runs a unit's own program outside it: a person by hand, a cron job, another unit."""

import os.path
from dataclasses import dataclass

from orchestrator.host.processes import Process
from orchestrator.host.provenance import is_interpreter, programs_of
from orchestrator.host.unit import Unit
from orchestrator.host.view import View
from orchestrator.model import is_unit

_ARGUMENTS = 4
"""An interpreter has its script behind an option or two of the script's first line."""


@dataclass(frozen=True, slots=True)
class Run:
    program: str
    process: Process


def runs_elsewhere(view: View, unit: Unit) -> tuple[Run, ...]:
    """An interpreter is nobody's own program: what counts is the script that it runs. Raises Unavailable."""
    own = {path for path in programs_of(unit) if not is_interpreter(path)}
    found = []
    for process in view.processes.all() if own else ():
        if not process.has_program:
            continue
        arguments = process.argv[:_ARGUMENTS] if is_interpreter(process.exe) else ()
        ran = {process.exe, *(os.path.realpath(word) for word in arguments if word.startswith("/"))}
        if process.unit != unit.name and (programs := own & ran):
            found.append(Run(min(programs), process))
    return tuple(found)


def is_another_units(view: View, process: Process) -> bool:
    """Whether a unit started it as its main process: another instance, with a lock of its own."""
    return is_unit(process.unit) and view.units.get(process.unit).main_pid == process.pid
