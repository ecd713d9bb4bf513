"""Moves a stale pid, lock or socket file, or a stale lock directory, of a service out of its way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.good_files import config_files
from orchestrator.actions.units import protected
from orchestrator.config import Config
from orchestrator.host import FileState, Unit, View
from orchestrator.host.jobs import declared
from orchestrator.host.named_files import named_files
from orchestrator.host.stale import kind_of, not_stale
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk, Told, is_unit

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_MOST = 20
_ENTRIES = 200


class QuarantineFile(Action):
    """Only what belongs to the service, only while it is down, and only what is proved stale, again at the very moment.

    Undo brings it back. A link is never touched.
    """

    kind: Literal["quarantine_file"] = "quarantine_file"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = True
    service: Annotated[Told, Field(min_length=1, max_length=255)]
    """The unit, or the declared service without one, that the file belongs to."""
    path: AbsolutePath
    inode: Annotated[int, Field(gt=0)]
    device: Annotated[int, Field(ge=0)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        target = case.scope.target
        if not is_unit(target) and config.service_of(target) is None:
            return ()
        owners = (target, *(view.units.get(target).triggers if is_unit(target) else ()))
        found: list[Self] = []
        for owner in owners:
            for path in filter(case.scope.holds, _own_paths(owner, view, config)):
                state = view.files.look(path)
                if state is None or len(found) == _MOST:
                    continue
                action = cls(service=owner, path=path, inode=state.inode, device=state.device)
                if not action.refusal(view, config):
                    found.append(action)
        return tuple(found)

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def concerns(self) -> tuple[str, ...]:
        return (self.path, self.service)

    def about(self) -> str:
        return f"move the stale file {self.path} of {self.service} aside"

    def refusal(self, view: View, config: Config) -> str:
        unit = view.units.get(self.service) if is_unit(self.service) else None
        if unit and protected(config, unit):
            return protected(config, unit)
        if unit and not unit.down:
            return f"{self.service} is {unit.active_state}"
        living = view.processes.in_cgroup(unit.control_group) if unit else ()
        if living:
            return f"process {living[0].pid} of {self.service} still lives"
        if self.path not in _own_paths(self.service, view, config):
            return f"{self.path} does not belong to {self.service}"
        state = view.files.look(self.path)
        if state is None or (state.inode, state.device) != (self.inode, self.device):
            return f"{self.path} is not the same file any more"
        kind = kind_of(self.path, state, pid_file=self.path in _pid_files(unit, self.service, config))
        own = self.path in _placed(self.service, unit, view, config)
        return not_stale(view, self.path, kind, state, unit, own=own) if kind else f"{self.path} is no pid, lock or socket file"

    def do(self, machine: "Machine") -> str:
        machine.quarantine.take(self.path, inode=self.inode, device=self.device)
        return f"{self.path} is moved aside"

    def verify(self, view: View) -> str:
        state: FileState | None = view.files.look(self.path)
        return f"{self.path} is still there" if state and state.inode == self.inode else ""

    def undo(self, machine: "Machine", before: Before) -> str:
        del before  # the fields say it all
        return machine.quarantine.bring_back(self.path, inode=self.inode)


def _pid_files(unit: Unit | None, name: str, config: Config) -> tuple[str, ...]:
    service = config.service_of(name)
    return tuple(path for path in (unit.pid_file if unit else "", service.pid_file if service else "") if path)


def _own_paths(name: str, view: View, config: Config) -> tuple[str, ...]:
    """Where a pid, lock or socket file of the service may lie: what its own words name, and what lies in its own directories."""
    unit = view.units.get(name) if is_unit(name) else None
    service = declared(unit, config) if unit else None
    named = named_files(view, unit, config_files(service, view) if service else (), partly=True) if unit else ()
    return tuple(dict.fromkeys((*_placed(name, unit, view, config), *named)))


def _placed(name: str, unit: Unit | None, view: View, config: Config) -> tuple[str, ...]:
    """Those that can only be its own: as pid files, or by where they lie."""
    service = declared(unit, config) if unit else config.service_of(name)
    places = (*(unit.runtime_directories if unit else ()), *(service.files if service else ()))
    return (*_pid_files(unit, name, config), *_within(places, view))


def _within(places: tuple[str, ...], view: View) -> Iterator[str]:
    for place in places:
        state = view.files.look(place)
        if state and state.kind == "dir":
            # What is called so that it deceives a reader is no file of the service's own.
            yield from (f"{place.rstrip('/')}/{name}" for name in view.files.entries(place, _ENTRIES) if name.isprintable())
        elif state:
            yield place
