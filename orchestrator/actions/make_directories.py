"""Makes directories again that tmpfiles.d declares and that were swept away since the boot: as systemd itself would at the next one."""

import shlex
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.good_files import config_files
from orchestrator.actions.units import OnUnit, own_unit
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, Unit, View
from orchestrator.host.tmpfiles import missing_directories
from orchestrator.model import AbsolutePath, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_SECONDS = 30.0
_TEXT_BYTES = 1 << 18


class MakeDirectories(OnUnit):
    """Only those that have to do with the unit: they belong to its user, or its own file or configuration names them.

    The host's own word says what they are: with which owner and mode, and that they may be made at any time.
    """

    kind: Literal["make_directories"] = "make_directories"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    paths: Annotated[tuple[AbsolutePath, ...], Field(min_length=1, max_length=20)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        paths = _missing(unit, view, config) if unit else ()
        return (cls(unit=unit.name, paths=paths),) if unit and paths else ()

    def concerns(self) -> tuple[str, ...]:
        return (self.unit, *self.paths)

    def about(self) -> str:
        return f"make {', '.join(self.paths)} again, as tmpfiles.d declares"

    def command(self) -> str:
        return shlex.join(self._argv())

    def refusal(self, view: View, config: Config) -> str:
        strange = set(self.paths) - set(_missing(view.units.get(self.unit), view, config))
        return f"{min(strange)} is there, or nothing declares it for {self.unit}" if strange else ""

    def do(self, machine: "Machine") -> str:
        result = machine.commands.run(self._argv(), user=None, timeout=_SECONDS, name="tmpfiles")
        if result.exit != 0:
            raise ChangeFailed(f"systemd-tmpfiles: {result.output.strip()[-300:] or 'it did not end in time'}")
        return f"{', '.join(self.paths)} made"

    def verify(self, view: View) -> str:
        return next((f"{path} is not there" for path in self.paths if view.files.look(path) is None), "")

    def _argv(self) -> tuple[str, ...]:
        return ("systemd-tmpfiles", "--create", *(f"--prefix={path}" for path in self.paths))


def _missing(unit: Unit, view: View, config: Config) -> tuple[str, ...]:
    missing = missing_directories(view)
    if not missing or unit.own_root:
        return ()
    service = config.service_of(unit.name)
    sources = (unit.fragment_path, *unit.drop_ins, *(config_files(service, view) if service else ()))
    texts = [
        view.files.read(path, _TEXT_BYTES)
        for path in dict.fromkeys(filter(None, sources))
        if (state := view.files.look(path, follow=True)) and state.size <= _TEXT_BYTES
    ]
    own = unit.user if unit.user not in ("", "root") else None
    return tuple(entry.path for entry in missing if entry.user == own or any(entry.path.encode() in text for text in texts))[:20]
