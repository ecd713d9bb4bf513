"""A program that runs from where every user may write, as a service or in hiding, or that replaced a package's: nobody installs so."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import Process, Unavailable, View
from orchestrator.host.provenance import DELETED, EVERYBODYS
from orchestrator.model import Fault, Severity


@check(every=30, confirm=2, whole_host=True)
def strange_program(view: View, config: Config) -> Iterator[Fault]:
    """A service, or a process that hides, whose program lies where everybody may write; or one that is not its package's any more."""
    del config  # whoever declared it
    seen = False
    if not view.packages.busy():
        for target, path, package in view.programs.altered(view):
            message, seen = f"{target} runs well, but {path} is not the file that its package {package} brought", True
            yield Fault(check="strange_program", target=target, reason="ProgramReplaced", message=message, severity=Severity.HIGH)
    try:
        for target, what in strangers(view):
            seen = True
            yield Fault(check="strange_program", target=target, reason="StrangeProgram", message=what, severity=Severity.HIGH)
    except Unavailable:  # not all programs may be seen: what was found is true
        if not seen:
            raise


def strangers(view: View) -> Iterator[tuple[str, str]]:
    """For each: the unit, or the program's own path, and what it does there. Raises Unavailable after those that may be seen."""
    seen: set[str] = set()
    for pid, exe in view.processes.programs():
        if not exe.startswith(EVERYBODYS) or not view.processes.is_of_this_root(pid):
            continue
        process = view.processes.get(pid)
        target = _target(view, process) if process else ""
        if process and target and target not in seen:
            seen.add(target)
            yield target, f"{process.unit or 'a process of no unit'} runs {exe} (pid {pid}), which lies where everybody may write"


def _target(view: View, process: Process) -> str:
    """Builds and tests of people run from there too, in sessions or as jobs of a service that itself lies elsewhere: those are theirs."""
    if process.unit.startswith("user@") or view.mounts.of_path(process.exe).point.startswith(EVERYBODYS):
        return ""  # a person's own desktop; an image that is mounted there, which nobody may write to
    hides = process.exe.endswith(DELETED) or "/." in process.exe
    if process.unit.endswith(".service"):
        unit = view.units.get(process.unit)
        return "" if unit.transient or not (hides or unit.main_pid == process.pid) else process.unit
    return process.exe.removesuffix(DELETED) if hides and process.ppid == 1 else ""
