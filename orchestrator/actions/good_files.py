"""What the actions on declared files share: which files a service has, and what became of them since all was well."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from orchestrator.config import Config, Service
from orchestrator.host import FileState, GoodFile, Unit, View
from orchestrator.model import Case, Word, instance_of, is_unit

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
    """The declared configuration files; for a unit also its own file, its drop-ins and its environment files.

    Of those also the remembered ones that are gone: systemd forgets a file that it does not find any more.
    """
    if service.unit is None:
        return service.config_files
    unit = view.units.get(service.unit)
    remembered = (path for path in view.known_good.paths() if is_unit_file(path, service.unit))
    return tuple(dict.fromkeys((*service.config_files, *_unit_files(unit), *unit.environment_files, *remembered)))


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
