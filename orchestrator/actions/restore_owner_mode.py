"""Gives a declared file or directory back the owner and mode that it had while all was well."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.good_files import AccountId, FileMode, Owned, config_files, name_files, owned_files, services_of, working_units
from orchestrator.config import Config, Name, Service
from orchestrator.host import ChangeFailed, FileState, View
from orchestrator.host.crontabs import READ_SECONDS, is_crontab
from orchestrator.host.provenance import programs_of
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_PRIVILEGE = 0o6000


class RestoreOwnerMode(Action):
    """Exactly one path, never what lies beneath it."""

    kind: Literal["restore_owner_mode"] = "restore_owner_mode"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = True
    service: Name
    path: AbsolutePath
    uid: AccountId
    gid: AccountId
    mode: FileMode

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        found = []
        for service in services_of(case, config):
            for path in filter(case.scope.holds, _files(service, view)):
                good, state = view.known_good.get(path), view.files.look(path)
                if good is None or state is None or good.kind == "link" or Owned.of(good) == Owned.of(state):
                    continue
                action = cls(service=service.name, path=path, uid=good.uid, gid=good.gid, mode=good.mode)
                if not action.refusal(view, config):
                    found.append(action)
        return tuple(dict.fromkeys(found))

    @property
    def patience(self) -> float:
        """What cron does with a table of its own shows when the next minute begins, and its job has run."""
        return READ_SECONDS if is_crontab(self.path) else 0.0

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def concerns(self) -> tuple[str, ...]:
        return (self.path, self.service)

    def about(self) -> str:
        return f"give {self.path} back its owner {self.uid}:{self.gid} and mode {self.mode:04o}"

    def command(self) -> str:
        return f"chown {self.uid}:{self.gid} {self.path}; chmod {self.mode:04o} {self.path}"

    def refusal(self, view: View, config: Config) -> str:
        service, good, state = config.service_of(self.service), view.known_good.get(self.path), view.files.look(self.path)
        if service is None or self.path not in _files(service, view):
            return f"{self.path} is not declared for {self.service}"
        if good is None or Owned.of(good) != self._wanted():
            return f"that is not the owner and mode that {self.path} had while all was well"
        if state is None or state.kind == "link" or (state.kind == "dir") != (good.kind == "dir"):
            return f"{self.path} is {'a ' + state.kind if state else 'gone'}"
        if state.kind == "file" and self.mode & _PRIVILEGE and (self.mode & _PRIVILEGE & ~state.mode or not self._owns(state)):
            return f"{self.path} had a set-user or set-group bit: to give a privilege back is a person's business"
        return f"{self.path} has its owner and mode" if Owned.of(state) == self._wanted() else ""

    def remember(self, view: View) -> Before:
        state = view.files.look(self.path)
        return Owned.of(state).model_dump() if state else {}

    def do(self, machine: "Machine") -> str:
        machine.files.own(self.path, uid=self.uid, gid=self.gid, mode=self.mode)
        return f"{self.path} belongs to {self.uid}:{self.gid}, mode {self.mode:04o}"

    def verify(self, view: View) -> str:
        state = view.files.look(self.path)
        return "" if state and Owned.of(state) == self._wanted() else f"{self.path} has another owner or mode"

    def undo(self, machine: "Machine", before: Before) -> str:
        old, state = Owned.model_validate(before), machine.view.files.look(self.path)
        if state and Owned.of(state) == old:
            return f"{self.path} has its owner and mode of before"
        if state is None or Owned.of(state) != self._wanted():
            raise ChangeFailed(f"{self.path} was changed since; it stays")
        if state.kind == "file" and old.mode & _PRIVILEGE & ~self.mode:
            raise ChangeFailed(f"{self.path} had a set-user or set-group bit, which is not given back")
        machine.files.own(self.path, uid=old.uid, gid=old.gid, mode=old.mode)
        return f"{self.path} belongs to {old.uid}:{old.gid} again, mode {old.mode:04o}"

    def _owns(self, state: FileState) -> bool:
        return (state.uid, state.gid) == (self.uid, self.gid)

    def _wanted(self) -> Owned:
        return Owned(uid=self.uid, gid=self.gid, mode=self.mode)


def _files(service: Service, view: View) -> tuple[str, ...]:
    """Its files and directories, and its programs wherever they lie, as long as they are the ones that it ran well with."""
    programs = (path for unit in working_units(service, view) for path in programs_of(unit))
    same = (path for path in programs if _is_same(path, view))
    return (*owned_files(service, view), *config_files(service, view), *name_files(service, view), *same)


def _is_same(path: str, view: View) -> bool:
    good = view.known_good.get(path)
    return good is not None and bool(good.digest) and good.digest == view.known_good.digest(path)
