"""Brings back the last configuration file that its service is known to have run with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.actions.good_files import (
    AccountId,
    FileMode,
    config_files,
    differs,
    loaded_at,
    name_files,
    owned_files,
    read_by_systemd,
    services_of,
    tested_files,
    working_units,
)
from orchestrator.actions.units import config_test
from orchestrator.checks.certificate_standing import half_a_pair
from orchestrator.config import Config, Name, Service
from orchestrator.host import ChangeFailed, FileState, GoodFile, Unit, View
from orchestrator.host.crontabs import READ_SECONDS, is_crontab
from orchestrator.host.known_good import FILE_BYTES
from orchestrator.host.names import NAME_FILES, says_anything
from orchestrator.model import AbsolutePath, Action, Before, Case, Risk, Word

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

PROVEN_SECONDS = 3600
"""A service that ran this long with a version of its configuration was well with it."""
JUST_BEFORE_SECONDS = 600
"""A version that passes the service's own test is suspected only if it was loaded so shortly ago: the probes then decide."""
_PRIVILEGE = 0o6000
_Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class Previous(Word):
    """What was there before; the content itself is kept in the quarantine under its digest, never in a database."""

    kind: Literal["file", "link", "absent"]
    digest: _Digest = ""
    uid: AccountId = 0
    gid: AccountId = 0
    mode: FileMode = 0
    link_target: str = ""


class RestoreConfig(Action):
    """The good copy over what is there now, if that is proved bad by the service's own test, or was changed just before the fault.

    In the second case the probes decide whether it stays or is undone.

    Whether the service's test passes afterwards is asked by whatever loads the file next (start, restart, reload): of two
    broken files the first one alone cannot make it pass.
    """

    kind: Literal["restore_config"] = "restore_config"
    risk: ClassVar[Risk] = Risk.MEDIUM
    reversible: ClassVar[bool] = True
    service: Name
    path: AbsolutePath
    good_digest: _Digest
    """Of the copy to restore, as `view.known_good` tells it; empty for a link."""
    bad_digest: _Digest
    """Of what is there now; empty where that is no regular file, or nothing."""
    release: bool = False
    """A link that was made to lead elsewhere, and not to a mere file: that is how releases are changed."""
    added: bool = False
    """There was no such file while all was well: to restore that is to take it out, and it is kept."""
    half: bool = False
    """One half of a certificate's pair, under a server that still runs with the whole one: somebody may be bringing the other half."""
    shared: bool = False
    """A file of the whole host that nobody declared, and that says something else now: somebody may have meant it."""

    @property
    def level(self) -> Risk:
        return Risk.HIGH if self.release or self.half or self.shared else self.risk

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        return tuple(action for action in cls.differing(case, view, config) if not action.refusal(view, config))

    @classmethod
    def differing(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        """Each file of the scope that is not as it was while all was well, whether or not that may be undone."""
        for service in services_of(case, config):
            for path in filter(case.scope.holds, _restorable(service, view)):
                good, digest = view.known_good.get(path), _digest(path, view)
                added = good is None and is_added(path, service, view)
                if not added and (good is None or good.kind not in ("file", "link") or not differs(view.files.look(path), good, digest)):
                    continue
                yield cls(
                    service=service.name,
                    path=path,
                    good_digest=good.digest if good else "",
                    bad_digest=digest,
                    release=good is not None and _is_release(path, good, view),
                    added=added,
                    half=half_a_pair(view, config, service.unit, path),
                    shared=_is_shared(path, config, view),
                )

    @property
    def patience(self) -> float:
        """What cron does with a table of its own shows when the next minute begins, and its job has run."""
        return READ_SECONDS if is_crontab(self.path) else 0.0

    def targets(self) -> tuple[str, ...]:
        return (self.path,)

    def concerns(self) -> tuple[str, ...]:
        return (self.path, self.service)

    def about(self) -> str:
        if self.added:
            return f"take {self.path} out of the configuration of {self.service}, where it was not while all was well"
        return f"restore the last known good {self.path} of {self.service}"

    def refusal(self, view: View, config: Config) -> str:
        state, service = view.files.look(self.path), config.service_of(self.service)
        if service is None or self.path not in _restorable(service, view):
            return f"{self.path} is not declared for {self.service}"
        if _digest(self.path, view) != self.bad_digest:
            return f"{self.path} was changed since this was chosen"
        if self.half != half_a_pair(view, config, service.unit, self.path):
            return "certificate and key have changed since"
        good = view.known_good.get(self.path)
        return self._nothing_to_restore(view, config, service, state, good) or self.unproved(view, config, service, state, good)

    def _nothing_to_restore(self, view: View, config: Config, service: Service, state: FileState | None, good: GoodFile | None) -> str:
        if self.added:
            new = is_added(self.path, service, view) and self.shared == _is_shared(self.path, config, view)
            return "" if new else f"{self.path} is not new any more"
        if good is None or good.digest != self.good_digest:
            return f"the good copy of {self.path} is not the one that was chosen"
        if not differs(state, good, self.bad_digest):
            return f"{self.path} is as it was while all was well"
        if (good.mode if good.kind == "file" else 0) & _PRIVILEGE or (state and state.kind == "file" and state.mode & _PRIVILEGE):
            return f"{self.path} has or had a set-user or set-group bit, which belongs to no configuration"
        chosen = (self.release, self.shared) == (_is_release(self.path, good, view), _is_shared(self.path, config, view))
        if (state and state.kind not in ("file", "link")) or not chosen:
            return f"{self.path} is {'a ' + state.kind if state else 'gone'} now, and is not what it was when this was chosen"
        return ""

    def unproved(self, view: View, config: Config, service: Service, state: FileState | None, good: GoodFile | None) -> str:
        """Why what is there now may be what a person meant; a file that is gone was meant by nobody."""
        if state is None or self.half:
            return ""
        unit = _working_unit(service, view)
        innocent = "" if _read_each_time(self.path, service) else ran_with_it(unit, state.ctime, view.now())
        test = config_test(view, config, unit) if self.path in tested_files(service, view) else None
        if innocent or (test and not test.blind and not test.ok):
            return innocent
        if test and test.blind:
            return f"the config test of {service.name} could not be run"
        if test and (service.unit is None or _ran_until(unit, view.now()) - loaded_at(unit) > JUST_BEFORE_SECONDS):
            return f"the config test of {service.name} passes, and it was not loaded just before the fault"
        return self._unsuspected(view, unit, state, good)

    def _unsuspected(self, view: View, unit: Unit, state: FileState, good: GoodFile | None) -> str:
        """Nothing proves it bad. What was put back after it was taken out is meant; what our own undo put back is not in question."""
        if good and state.ctime <= good.loaded_at:
            return f"{self.path} was not changed since it was good"
        if unit.running and view.known_good.was_taken_out(self.bad_digest):
            return f"this version of {self.path} was taken out before, and somebody put it back: it is meant"
        return ""

    def remember(self, view: View) -> Before:
        state = view.files.look(self.path)
        if state is None:
            return Previous(kind="absent").model_dump()
        kind: Literal["file", "link"] = "link" if state.kind == "link" else "file"
        digest = _digest(self.path, view)
        return Previous(kind=kind, digest=digest, uid=state.uid, gid=state.gid, mode=state.mode, link_target=state.link_target).model_dump()

    def do(self, machine: "Machine") -> str:
        if self.bad_digest:
            machine.quarantine.keep(self.path, self.bad_digest)
        if self.added:
            self._take_away(machine)
            return f"{self.path} is taken out{self._reloaded(machine)}"
        good = machine.view.known_good.get(self.path)
        if good is None or good.digest != self.good_digest:
            raise ChangeFailed(f"the good copy of {self.path} is not the one that was chosen")
        if good.kind == "link":
            machine.files.link(self.path, good.link_target)
        else:
            content = machine.view.known_good.content(self.path, good.digest)
            machine.files.write(self.path, content, uid=good.uid, gid=good.gid, mode=good.mode)
        return f"{self.path} is restored{self._reloaded(machine)}"

    def verify(self, view: View) -> str:
        good, state = view.known_good.get(self.path), view.files.look(self.path)
        if self.added:
            return f"{self.path} is still there" if state else ""
        if good is None or state is None or differs(state, good, _digest(self.path, view)):
            return f"{self.path} is not the good copy"
        same = good.kind == "link" or (state.uid, state.gid, state.mode) == (good.uid, good.gid, good.mode)
        return "" if same else f"{self.path} has another owner or mode than the good copy"

    def undo(self, machine: "Machine", before: Before) -> str:
        if self.remember(machine.view) != before:
            self._put_back(machine, Previous.model_validate(before))
        return f"{self.path} is as it was before{self._reloaded(machine)}"

    def _put_back(self, machine: "Machine", previous: Previous) -> None:
        if _digest(self.path, machine.view) != self.good_digest or (self.added and machine.view.files.look(self.path)):
            raise ChangeFailed(f"{self.path} was changed since it was restored; it stays")
        match previous.kind:
            case "file":
                content = machine.quarantine.kept(previous.digest)
                machine.files.write(self.path, content, uid=previous.uid, gid=previous.gid, mode=previous.mode)
                machine.quarantine.forget(previous.digest)
            case "link":
                machine.files.link(self.path, previous.link_target)
            case "absent":
                self._take_away(machine)

    def _take_away(self, machine: "Machine") -> None:
        state = machine.view.files.look(self.path)
        if state and state.kind == "link":
            machine.files.unlink(self.path)
        elif state:
            machine.quarantine.take(self.path, inode=state.inode, device=state.device)

    def _reloaded(self, machine: "Machine") -> str:
        if not read_by_systemd(self.path):
            return ""
        machine.units.daemon_reload()
        return ", and systemd has read it"


def _restorable(service: Service, view: View) -> tuple[str, ...]:
    """Its configuration files, and the links on the way to its program and directories."""
    owned = (path for path in owned_files(service, view) if (good := view.known_good.get(path)) and good.kind == "link")
    return tuple(dict.fromkeys((*config_files(service, view), *owned, *name_files(service, view))))


def _is_shared(path: str, config: Config, view: View) -> bool:
    if path not in NAME_FILES or config.declares_file(path) or view.files.look(path, follow=True) is None:
        return False
    return says_anything(path, view.files.read(path).decode("utf-8", "replace"))


def is_added(path: str, service: Service, view: View) -> bool:
    """A file that came to the service's configuration after it was loaded last while all was well. Only where that is known at all."""
    state = view.files.look(path)
    if state is None or state.kind not in ("file", "link") or state.size > FILE_BYTES:
        return False
    known = (view.known_good.get(other) for other in config_files(service, view))
    well_until = max((good.loaded_at for good in known if good), default=0.0)
    return view.known_good.get(path) is None and 0 < well_until < state.ctime


def _working_unit(service: Service, view: View) -> Unit:
    """The unit that reads its files; of several the one that is down."""
    units = working_units(service, view)
    return next((unit for unit in units if not unit.running), units[0]) if units else Unit(name=service.name)


def _is_release(path: str, good: GoodFile, view: View) -> bool:
    if good.kind != "link" or path in NAME_FILES or view.files.look(path) is None:
        return False
    behind = view.files.look(path, follow=True)
    return behind is None or behind.kind == "dir"


def _read_each_time(path: str, service: Service) -> bool:
    """cron reads a crontab again when it changes, a timer's job its files at every run, and everybody the name files when he asks."""
    return is_crontab(path) or path in NAME_FILES or (service.unit or "").endswith(".timer")


def ran_with_it(unit: Unit, changed_at: float, now: float) -> str:
    """Why the fault is not this version's: the service never loaded it, or was well with it for long. Empty when it may be."""
    loaded = loaded_at(unit)
    if unit.running and changed_at > loaded:
        return f"{unit.name} runs with what it loaded before that change"
    until = _ran_until(unit, now)
    if changed_at < loaded and until - loaded > PROVEN_SECONDS:
        return f"{unit.name} ran with it for {(until - loaded) / 3600:.1f} hours"
    return ""


def _ran_until(unit: Unit, now: float) -> float:
    return now if unit.running else unit.active_exit_at


def _digest(path: str, view: View) -> str:
    """Of a regular file itself; a link has none of its own."""
    state = view.files.look(path)
    return view.known_good.digest(path) if state and state.kind == "file" else ""
