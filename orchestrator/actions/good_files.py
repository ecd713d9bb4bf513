"""What the actions on declared files share: which files a service has, and what became of them since all was well."""

import os.path
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from orchestrator.config import PROTECTED_PATHS, Config, Service
from orchestrator.host import FileState, GoodFile, Unit, View
from orchestrator.host.crontabs import is_crontab
from orchestrator.host.names import NAME_FILES
from orchestrator.host.obstacles import output_files
from orchestrator.model import Case, Word, instance_of, is_unit

_SHARED = frozenset((
    "/etc", "/media", "/mnt", "/opt", "/run", "/run/lock", "/srv", "/tmp", "/var", "/var/cache", "/var/lib", "/var/lock",  # noqa: S108
    "/var/log", "/var/mail", "/var/opt", "/var/run", "/var/spool", "/var/tmp", "/var/www", "/etc/default", "/etc/systemd",  # noqa: S108
    "/etc/systemd/system",
))  # fmt: skip
"""hier(7): directories that are nobody's own."""
_LINKS = 10

AccountId = Annotated[int, Field(ge=0, lt=1 << 32)]
FileMode = Annotated[int, Field(ge=0, le=0o7777)]


class Owned(Word):
    """Owner and mode."""

    uid: AccountId
    gid: AccountId
    mode: FileMode

    @classmethod
    def of(cls, file: FileState | GoodFile) -> "Owned":
        return cls(uid=file.uid, gid=file.gid, mode=file.mode)


def services_of(case: Case, config: Config) -> Iterator[Service]:
    """The declared services of the scope: the target's own, and those that it needs."""
    reach = (case.scope.target, *case.scope.below)
    return (service for service in config.service if service.target in reach or service.name in (case.scope.service, *reach))


def config_files(service: Service, view: View) -> tuple[str, ...]:
    """What its own test judges; for a unit also its own file, its drop-ins and its environment files.

    Of those also the remembered ones that are gone: systemd forgets a file that it does not find any more.
    """
    judged = tested_files(service, view)
    if service.unit is None:
        return judged
    unit = view.units.get(service.unit)
    jobs = (view.units.get(name) for name in unit.triggers if unit.name.endswith(".timer"))  # a timer is there for its job
    all_units = (unit, *jobs, *(working for working in working_units(service, view) if working.name != unit.name))
    remembered = (path for path in view.known_good.paths() if any(is_unit_file(path, item.name) for item in all_units))
    own = (path for item in all_units for path in (*_unit_files(item), *item.environment_files))
    return tuple(dict.fromkeys((*judged, *own, *remembered)))


def tested_files(service: Service, view: View) -> tuple[str, ...]:
    """The configuration files proper: the declared ones, and those of the well-known server that it runs, also what of them is gone.

    Where one is a link, what it leads to is a file of the service too: that is what programs read, and what editors write.
    """
    known = view.servers.of(service.target)
    usual = (*known.files(view.files), *filter(known.reads, view.known_good.paths())) if known else ()
    return tuple(dict.fromkeys(_with_targets((*service.config_files, *usual), view)))


def working_units(service: Service, view: View) -> tuple[Unit, ...]:
    """The units that do its work: its own, or those that this only stands for. None for a service that no unit runs."""
    known = view.servers.of(service.target)
    names = known.units if known else (service.unit,) if service.unit else ()
    return tuple(map(view.units.get, names))


def _with_targets(paths: Iterable[str], view: View) -> Iterator[str]:
    """Each path; behind a link also the file that it leads to now, and the one that it led to while all was well."""
    for path in paths:
        yield path
        state, good = view.files.look(path), view.known_good.get(path)
        for target, uid in {(link.link_target, link.uid) for link in (state, good) if link and link.kind == "link"}:
            where = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120  # a link's target may be relative
            found = view.files.look(where)
            if (found.kind if found else "file") == "file" and may_lead_to(uid, where, view):
                yield where


def may_lead_to(uid: int, path: str, view: View) -> bool:
    """Whether a link of this user's makes what lies there his service's: an administrator's does, another's only to a file of his own."""
    found = view.files.look(path) or view.known_good.get(path)
    return uid == 0 or (found is not None and found.uid == uid)


def loaded_at(unit: Unit) -> float:
    """When it read its configuration last: at a start, or at a reload that worked."""
    return max(unit.main_started_at, unit.active_enter_at, 0.0 if "ExecReload" in unit.exec_statuses else unit.reloaded_at)


def tried_at(unit: Unit) -> float:
    """The same, and also a start that ended before the main process was there: it has read its configuration, or its test has."""
    before_main = {"ExecCondition", "ExecStartPre"} & set(unit.exec_statuses) or unit.result == "resources"
    ended = not unit.running and (before_main or (unit.type == "forking" and "ExecStart" in unit.exec_statuses))
    return max(loaded_at(unit), unit.inactive_enter_at if ended else 0.0)


def is_unread(path: str, changed_at: float, service: Service, view: View) -> bool:
    """Whether no run of the service has read the file since it was changed: what is wrong now is not this change's doing.

    A unit file counts as read: systemd applies some of it at once. cron and a timer's job read theirs anew each time.
    """
    units = working_units(service, view)
    if not units or read_by_systemd(path) or is_crontab(path) or units[0].name.endswith(".timer"):
        return False
    return changed_at > min(map(tried_at, units))


def owned_files(service: Service, view: View) -> tuple[str, ...]:
    """What only owner and mode are remembered of: the declared `files`, what the unit itself names and needs to be set up, its logs.

    With the directories above those logs that are nobody else's.
    """
    own = (path for unit in working_units(service, view) for path in own_places(unit, view))
    known = view.servers.of(service.target)
    logs = known.logs if known else ()
    above = (place for path in logs for place in _way_to(path, view) if _is_own(place))
    return tuple(dict.fromkeys((*service.files, *own, *logs, *above)))


def name_files(service: Service, view: View) -> tuple[str, ...]:
    """What a service that asks for names of hosts reads as well, whoever wrote it."""
    return NAME_FILES if service.target in view.names.needs else ()


def own_places(unit: Unit, view: View) -> tuple[str, ...]:
    """The unit's programs and directories with the directories above them that are nobody else's, and the links on the way."""
    if unit.own_root:
        return ()
    # What systemd makes beneath /run it also takes away when the unit stops.
    runtime = unit.runtime_directories if unit.running else ()
    directories = (*unit.state_directories, *unit.cache_directories, *unit.logs_directories, *runtime)
    outputs = (str(PurePosixPath(path).parent) for path in output_files(view, unit))
    named = (*unit.programs, unit.working_directory, *unit.sandbox_paths, *outputs, *directories)
    places = (place for path in named if path.startswith("/") for place in _way_to(path, view))
    return tuple(dict.fromkeys(place for place in places if _is_own(place)))


def _way_to(path: str, view: View) -> Iterator[str]:
    """The path and what lies above it, the topmost first; beyond a link the way goes on where it leads."""
    for _ in range(_LINKS):
        parts = [str(part) for part in reversed((PurePosixPath(path), *PurePosixPath(path).parents)) if _is_own(str(part))]
        for part in parts:
            yield part
            state = view.files.look(part)
            if state and state.kind == "link":
                target = os.path.join(os.path.dirname(part), state.link_target)  # noqa: PTH118, PTH120  # it may be relative
                if not may_lead_to(state.uid, os.path.normpath(target), view):
                    return
                path = os.path.normpath(target + path[len(part) :])
                break
        else:
            return


def _is_own(path: str) -> bool:
    if path in _SHARED or path.count("/") < 2 or ".." in path.split("/"):
        return False
    return not any(path == root or path.startswith(f"{root}/") for root in PROTECTED_PATHS)


def read_by_systemd(path: str) -> bool:
    """Whether it is a unit file or a drop-in: systemd has to read it again when it changes."""
    place = PurePosixPath(path)
    drop_in = place.suffix == ".conf" and place.parent.suffix == ".d" and is_unit(place.parent.stem)
    return "systemd" in place.parts and (is_unit(place.name) or drop_in)


def is_unit_file(path: str, unit: str) -> bool:
    """Whether systemd reads the file as a part of this unit: its own file, its template's, or a drop-in of either."""
    template, _ = instance_of(unit)
    place = PurePosixPath(path)
    return read_by_systemd(path) and bool({place.name, place.parent.stem} & {unit, template})


def _unit_files(unit: Unit) -> tuple[str, ...]:
    return tuple(filter(None, (unit.fragment_path, *unit.drop_ins)))


def differs(state: FileState | None, good: GoodFile, digest: str) -> bool:
    """Whether the file's content is another one: owner and mode are another action's. `digest`: of the file as it is."""
    if state is None or state.kind != good.kind:
        return True
    return state.link_target != good.link_target if good.kind == "link" else digest != good.digest
