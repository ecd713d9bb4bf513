"""Moves aside what stands where systemd must make a directory of the unit's own."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.units import occupied, own_unit, protected, unusable
from orchestrator.config import Config
from orchestrator.host import FileState, Unit, View
from orchestrator.host.obstacles import obstacles
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk, Told, UnitName

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_MADE_ANEW = ("/run/", "/var/run/", "/var/cache/")
_DIRECTORY_STEPS = ("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY")


class SetAside(Action):
    """A file, or a link that leads nowhere, at the place of a StateDirectory= or its like. It is kept, and undo brings it back.

    Where it may be somebody's data a person is asked: only he knows what it is doing there.
    """

    kind: Literal["set_aside"] = "set_aside"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True
    unit: UnitName
    path: AbsolutePath
    inode: Annotated[int, Field(gt=0)]
    device: Annotated[int, Field(ge=0)]
    holds_data: bool
    """It is a file with something in it, where data is kept."""
    link_target: Told = ""

    @property
    def level(self) -> Risk:
        return Risk.HIGH if self.holds_data else self.risk

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        unit = own_unit(case, view, config)
        if unit is None or unit.load_state != "loaded":
            return ()
        found = []
        for path in filter(case.scope.holds, _taken(view, unit)):
            state = view.files.look(path)
            if state:
                action = cls.model_validate({"unit": unit.name, "path": path, **_fields(path, state)})
                if not action.refusal(view, config):
                    found.append(action)
        return tuple(found)

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def concerns(self) -> tuple[str, ...]:
        return (self.path, self.unit)

    def about(self) -> str:
        what = f"the link to {self.link_target}" if self.link_target else "the file"
        return f"move {what} at {self.path} aside, where {self.unit} needs a directory"

    def refusal(self, view: View, config: Config) -> str:
        unit, state = view.units.get(self.unit), view.files.look(self.path)
        if stands_against := protected(config, unit) or unusable(unit) or occupied(unit):
            return stands_against
        if unit.running:
            return f"{self.unit} is {unit.active_state}"
        if state is None or _fields(self.path, state) != self._as_chosen():
            return f"{self.path} is not the same any more"
        return "" if self.path in _taken(view, unit) else f"{self.path} is no directory that systemd makes for {self.unit}"

    def do(self, machine: "Machine") -> str:
        if self.link_target:
            machine.files.unlink(self.path)
        else:
            machine.quarantine.take(self.path, inode=self.inode, device=self.device)
        return f"{self.path} is moved aside"

    def verify(self, view: View) -> str:
        state = view.files.look(self.path)
        return f"{self.path} is still there" if state and state.inode == self.inode else ""

    def undo(self, machine: "Machine", before: Before) -> str:
        """A directory that systemd made there meanwhile stays, if anything is in it."""
        del before  # the fields say it all
        state = machine.view.files.look(self.path)
        if state and state.inode == self.inode and state.kind != "dir":
            return f"{self.path} is as it was before"
        if state and state.kind == "dir":
            machine.files.remove_directory(self.path)
        if not self.link_target:
            return machine.quarantine.bring_back(self.path, inode=self.inode)
        machine.files.link(self.path, self.link_target)
        return f"{self.path} is a link to {self.link_target} again"

    def _as_chosen(self) -> dict[str, object]:
        return {"inode": self.inode, "device": self.device, "holds_data": self.holds_data, "link_target": self.link_target}


def _taken(view: View, unit: Unit) -> tuple[str, ...]:
    return tuple(found.path for found in obstacles(view, unit) if found.kind == "taken" and found.step in _DIRECTORY_STEPS)


def _fields(path: str, state: FileState) -> dict[str, object]:
    holds_data = state.kind not in ("link", "socket", "fifo") and state.size > 0 and not path.startswith(_MADE_ANEW)
    return {"inode": state.inode, "device": state.device, "holds_data": holds_data, "link_target": state.link_target}
