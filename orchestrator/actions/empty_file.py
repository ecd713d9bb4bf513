"""Empties the log that a stopped program filled a file system with."""

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.checks.disk_full import is_full
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.room import fills, has_filled, writers
from orchestrator.model import AbsolutePath, Action, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


_TESTIMONY = ("auth", "secure", "sudo", "btmp", "wtmp", "utmp", "lastlog", "faillog", "tallylog", "audit")
_TESTIMONY_PLACES = ("/var/log/audit/", "/var/log/journal/", "/run/log/journal/", "/var/log/sudo-io/")


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
        state = view.files.look(self.path)
        if state is None or state.kind != "file":
            return f"{self.path} is {'a ' + state.kind if state else 'gone'}"
        if state.inode != self.inode:
            return f"{self.path} is another file by now"
        if _is_testimony(self.path) or any(self.path in service.config_files for service in config.service):
            return f"{self.path} is no log that may be lost"
        if not is_full(view, config, self.path):
            return f"the file system of {self.path} has room"
        if not has_filled(view, state.device, state.inode):
            fills(view, view.mounts.of_path(self.path).point)
        return "" if has_filled(view, state.device, state.inode) else f"{self.path} is no log that fills its file system"

    def do(self, machine: "Machine") -> str:
        size = machine.files.empty(self.path, self.inode)
        return f"{self.path} is empty; it took {size / 1e6:.1f} MB"

    def verify(self, view: View) -> str:
        state = view.files.look(self.path)
        return f"{self.path} still takes {state.size} bytes" if state and state.size > os.sysconf("SC_PAGE_SIZE") else ""


def _is_testimony(path: str) -> bool:
    """Who logged in, and what was done with which rights: to lose that serves whoever forced a door."""
    return PurePosixPath(path).name.split(".")[0] in _TESTIMONY or path.startswith(_TESTIMONY_PLACES)
