"""What stands in the way of systemd when it sets a unit's process up: the very path, and what is wrong with it.

A status of 200 to 245 tells at which step systemd failed and never at what (systemd.exec(5)). The unit's own settings and the
file system do, and neither can be forged by what a program writes into a log.
"""

import os.path
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.host.errors import Unavailable
from orchestrator.host.program import unusable_program
from orchestrator.host.setting_up import missing_account
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

Kind = Literal["gone", "taken", "unusable", "unreachable", "account"]
_OUTPUT = re.compile(r"^\s*Standard(?:Output|Error)\s*=\s*(?:file|append|truncate):(/[^%\s]+)\s*$")
_LINE_BYTES = 1 << 18
_ACCESS_SECONDS = 3
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Obstacle:
    step: str
    """systemd's own word for where it fails: EXEC, CHDIR, NAMESPACE, ..."""
    kind: Kind
    path: str
    told: str


def obstacles(view: View, unit: Unit) -> tuple[Obstacle, ...]:
    """All that would stop systemd from starting the unit now, the likeliest first. Raises Unavailable."""
    if unit.own_root:
        return ()  # its paths are those of another root file system
    if account := missing_account(unit):
        return (Obstacle("USER", "account", account, f"the account {account} is not there"),)
    found = (*_programs(view, unit), *_working_directory(view, unit), *_named_paths(view, unit), *_own_directories(view, unit))
    return (*found, *(() if found else unreachable(view, unit)))


def output_files(view: View, unit: Unit) -> tuple[str, ...]:
    """The files that the unit writes its output to. systemd tells on the bus that there are some, and not which."""
    found: dict[str, None] = {}
    for path in (unit.fragment_path, *unit.drop_ins):
        if not path or view.files.look(path, follow=True) is None:
            continue
        text = view.files.read(path, _LINE_BYTES).decode(errors="replace")
        found.update(dict.fromkeys(match[1] for line in text.splitlines() if (match := _OUTPUT.match(line))))
    return tuple(found)


def gap(view: View, path: str) -> str:
    """Why nothing is found at a path: the link that leads nowhere, or the first directory of it that is not there."""
    for part in reversed((path, *map(str, Path(path).parents))):
        state = view.files.look(part)
        if state is None:
            return f"{part} is not there" if part != path else ""
        if state.kind == "link" and view.files.look(part, follow=True) is None:
            return f"{part} is a link to {state.link_target}, which is not there"
        if state.kind == "link" and part != path and view.files.look(path, follow=True) is None:
            target = os.path.join(os.path.dirname(part), state.link_target)  # noqa: PTH118, PTH120  # a link's target may be relative
            inner = gap(view, os.path.normpath(target + path[len(part) :]))
            return f"{part} is a link to {state.link_target}{': ' + inner if inner else ', and it is not in there'}"
        if state.kind not in ("dir", "link") and part != path:
            return f"{part} is a {state.kind}"
    return ""


def _programs(view: View, unit: Unit) -> Iterator[Obstacle]:
    for path in unit.programs:
        if not path.startswith("/"):
            continue  # systemd looks for it in directories that only it knows
        state = view.files.look(path, follow=True)
        if state is None:
            why = gap(view, path)
            yield Obstacle("EXEC", "gone", path, f"the program {path} is not there{f' ({why})' if why else ''}")
        elif state.kind != "file":
            yield Obstacle("EXEC", "taken", path, f"the program {path} is a {state.kind}")
        elif not state.mode & 0o111:
            yield Obstacle("EXEC", "unusable", path, f"the program {path} may not be executed: its mode is {state.mode:04o}")
        elif why := unusable_program(view, path):
            yield Obstacle("EXEC", "unusable", path, f"the program {path} {why}")


def _working_directory(view: View, unit: Unit) -> Iterator[Obstacle]:
    path = unit.working_directory
    if path.startswith("/") and not unit.may_lack_working_directory and path not in _made_by_systemd(unit):
        yield from _directory(view, "CHDIR", path, "the working directory")


def _named_paths(view: View, unit: Unit) -> Iterator[Obstacle]:
    """What the unit file names, and systemd does not make."""
    own = _made_by_systemd(unit)
    for path in unit.sandbox_paths:
        if view.files.look(path, follow=True) is None and path not in own:
            yield Obstacle("NAMESPACE", "gone", path, f"{path}, which its sandbox names, is not there{_why(view, path)}")
    for path in output_files(view, unit):
        directory = str(Path(path).parent)
        if directory not in own:
            yield from _directory(view, "STDOUT", directory, "the directory of its output")
    for path in unit.needed_environment_files:
        if "*" not in path and view.files.look(path, follow=True) is None:
            yield Obstacle("RESOURCES", "gone", path, f"its environment file {path} is not there{_why(view, path)}")
    for path in unit.credentials:
        if view.files.look(path, follow=True) is None:
            yield Obstacle("CREDENTIALS", "gone", path, f"its credential {path} is not there{_why(view, path)}")


def _own_directories(view: View, unit: Unit) -> Iterator[Obstacle]:
    """Where systemd makes a directory itself, and something else is in the way."""
    for step, paths in (
        ("RUNTIME_DIRECTORY", unit.runtime_directories),
        ("STATE_DIRECTORY", unit.state_directories),
        ("CACHE_DIRECTORY", unit.cache_directories),
        ("LOGS_DIRECTORY", unit.logs_directories),
        ("CONFIGURATION_DIRECTORY", unit.configuration_directories),
    ):
        for path in paths:
            state = view.files.look(path)
            real = view.files.look(path, follow=True) if state and state.kind == "link" else state
            if state and (real is None or real.kind != "dir"):
                what = f"a link to {state.link_target}, which is not there" if real is None else f"a {real.kind}"
                yield Obstacle(step, "taken", path, f"{path}, which systemd makes as a directory, is {what}")


def _made_by_systemd(unit: Unit) -> tuple[str, ...]:
    return (
        *unit.runtime_directories,
        *unit.state_directories,
        *unit.cache_directories,
        *unit.logs_directories,
        *unit.configuration_directories,
    )


def _directory(view: View, step: str, path: str, about: str) -> Iterator[Obstacle]:
    state = view.files.look(path, follow=True)
    if state is None:
        yield Obstacle(step, "gone", path, f"{about} {path} is not there{_why(view, path)}")
    elif state.kind != "dir":
        yield Obstacle(step, "taken", path, f"{about} {path} is a {state.kind}")


def _why(view: View, path: str) -> str:
    why = gap(view, path)
    return f" ({why})" if why else ""


def unreachable(view: View, unit: Unit) -> Iterator[Obstacle]:
    """What is there, and the unit's own user may not get to. Asked as that user: access lists count too."""
    if unit.user in ("", "root", "0") or unit.dynamic_user:
        return
    if not view.runs.may_be(unit.user):
        yield from (Obstacle(**told) for told in view.rights.ask("unreachable", unit=unit.name))
        return
    working = "" if unit.may_lack_working_directory else unit.working_directory
    for step, path in (("CHDIR", working), *(("EXEC", program) for program in unit.programs)):
        if path.startswith("/") and (part := _first_closed(view, unit.user, path)):
            state = view.files.look(part, follow=True)
            told = f"owner {state.uid}:{state.gid}, mode {state.mode:04o}" if state else "it is gone"
            yield Obstacle(step, "unreachable", part, f"{unit.user} may not get to {path}: {part} does not let it through ({told})")


def _first_closed(view: View, user: str, path: str) -> str:
    """The first part of the path that the user may not enter or execute."""
    if _may(view, user, path):
        return ""
    parts = [*reversed(Path(path).parents), Path(path)][:_DEPTH]
    return next((str(part) for part in parts if not _may(view, user, str(part))), "")


def _may(view: View, user: str, path: str) -> bool:
    result = view.runs(["/usr/bin/test", "-x", path], timeout=_ACCESS_SECONDS, user=user)
    if result.exit not in (0, 1):
        raise Unavailable(f"whether {user} may use {path} could not be asked: {result.output.strip()[:200] or 'no answer'}")
    return result.ok
