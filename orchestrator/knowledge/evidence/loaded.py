from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import Unit, View
from orchestrator.knowledge.evidence import observation, unit_of
from orchestrator.model import Case, Evidence, is_unit

_DELETED = " (deleted)"


@observation(early=False)
def loaded(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What a running service has in memory against what lies on disk: its program, its libraries, its environment, its unit file.

    Its configuration is another observation's: `config.unread` there.
    """
    del config
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    if not unit.running or not unit.main_pid:
        return
    facts = facts_of(view, unit)
    told = "\n".join(f"{name.partition('.')[2]}: {path} was replaced or changed since the start" for name, path in facts.items())
    yield Evidence(source="loaded", text=told or "it runs with what lies on disk", facts=facts)


def facts_of(view: View, unit: Unit) -> dict[str, str]:
    """Each kind with the first path of it; `loaded.stale`: its program or a library, which only a restart loads anew."""
    program, library = _program(view, unit), view.insides.replaced_code(unit.name, unit.main_pid)
    facts = {
        "loaded.program": program,
        "loaded.library": library,
        "loaded.stale": program or library,
        "loaded.environment": _newer(view, unit.environment_files, unit.main_started_at),
        "loaded.unit": _newer(view, tuple(filter(None, (unit.fragment_path, *unit.drop_ins))), unit.main_started_at),
    }
    return {name: path for name, path in facts.items() if path}


def _program(view: View, unit: Unit) -> str:
    """By the kernel's word for the program itself; a script is read by another program, and its file tells."""
    process = view.processes.get(unit.main_pid)
    if process and process.exe.endswith(_DELETED):
        return process.exe.removesuffix(_DELETED)
    return _newer(view, tuple(path for path in unit.programs if path.startswith("/")), unit.main_started_at)


def _newer(view: View, paths: tuple[str, ...], started_at: float) -> str:
    """The first whose content is newer than the start. Not its owner or mode: those a running program does not miss."""
    states = ((path, view.files.look(path, follow=True)) for path in paths)
    return next((path for path, state in states if state and started_at and state.mtime > started_at), "")
