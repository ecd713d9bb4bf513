"""Empties the log that a stopped program filled a file system with."""

import os
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.room import writers
from orchestrator.model import AbsolutePath, Action, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class EmptyFile(Action):
    """What nobody declared is emptied only by a person's word, and only this very file: what it held is lost for good."""

    kind: Literal["empty_file"] = "empty_file"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    path: AbsolutePath
    inode: Annotated[int, Field(gt=0)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        """The log of the one that fills the disk: only ever written to, and only by itself."""
        if case.fault.check != "disk_full" or not case.fault.target.startswith("/"):
            return ()
        found = next(iter(writers(view, case.fault.target)), None)
        if found is None or config.service_of(found.unit):
            return ()
        action = cls(path=found.files[0].path, inode=found.files[0].inode)
        return () if config.protects_path(action.path) or action.refusal(view, config) else (action,)

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def about(self) -> str:
        return f"empty {self.path}"

    def command(self) -> str:
        return f"truncate -s 0 {self.path}"

    def refusal(self, view: View, config: Config) -> str:
        del config
        state = view.files.look(self.path)
        if state is None or state.kind != "file":
            return f"{self.path} is {'a ' + state.kind if state else 'gone'}"
        return "" if state.inode == self.inode else f"{self.path} is another file by now"

    def do(self, machine: "Machine") -> str:
        size = machine.files.empty(self.path, self.inode)
        return f"{self.path} is empty; it took {size / 1e6:.1f} MB"

    def verify(self, view: View) -> str:
        state = view.files.look(self.path)
        return f"{self.path} still takes {state.size} bytes" if state and state.size > os.sysconf("SC_PAGE_SIZE") else ""
