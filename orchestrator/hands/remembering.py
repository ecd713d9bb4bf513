"""Last known good files: what a service that is well has loaded. The hands alone keep them, since root puts them back.

The daemon says when it thinks that a service is well. What can be seen is seen here: that it runs, since when, what it has
read since, and that the file is as it was then.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.actions.good_files import config_files, loaded_at, owned_files, working_units
from orchestrator.checks.cron_ignored import problems_of
from orchestrator.checks.probe_failing import probes_of
from orchestrator.config import Service
from orchestrator.hands.way import walked
from orchestrator.host import FileState, GoodFile, Unavailable, Unit, View, helper_child
from orchestrator.host.crontabs import is_crontab
from orchestrator.host.names import NAME_FILES
from orchestrator.host.provenance import not_as_before, programs_of
from orchestrator.servers import Server

_MAX_FILE_BYTES = 1 << 20
PROBATION_SECONDS = 60.0
"""So long a service must have run well with a changed file before that is what "good" means."""
_LASTED_SECONDS = 10.0
_MADE_ANEW = re.compile(r"/run/(user/\d+/)?systemd/generator")
"""systemd.generator(7): what lies beneath is written at each reload of systemd, out of other files."""

_Mark = tuple[object, ...]


def _ended_well(unit: Unit) -> bool:
    """A job reads its files when it runs: a run that ended well has loaded them."""
    return unit.type == "oneshot" and unit.active_state == "inactive" and unit.result == "success" and unit.main_started_at > 0


class Remembering:
    """Not thread-safe."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._files: dict[str, tuple[dict[str, _Mark], float]] = {}
        """For each service that was looked through: each file's mark as it was then, and until when nothing else is to be learned."""
        self._empty: set[str] = set()
        """Remembered directories that have stayed empty."""
        self._digests: dict[str, tuple[_Mark, str]] = {}
        """Of programs, with the mark of the file that was read: several services may run one."""

    def forget_marks(self) -> None:
        """Other files, other servers: each service is looked through anew."""
        self._files.clear()

    def good_files(self, service: Service, servers: Sequence[Server], answered: float, *, changed: bool) -> tuple[str, ...] | None:
        """Remember each watched file of a healthy service that was loaded by a start or reload after its last change.

        What the service runs is found out here too, by the well-known servers, healthy or not. `answered`: when it answered
        all its probes last. `changed`: whether systemd has told something of its units since the last time.
        Gives the programs that it runs well with; None where it is not well, or nothing is new.
        """
        known, until = self._files.get(service.name, ({}, 0.0))
        if not changed and self._view.now() < until and known == self._marks(known):
            return None  # neither the unit nor a file of it changed: the usual case asks systemd nothing
        self._files.pop(service.name, None)
        if service.unit:
            self._view.servers.meet(service, servers)
        units = working_units(service, self._view)
        if any((not unit.running or unit.in_transition) and not _ended_well(unit) for unit in units):
            return None
        # Where no unit runs it nobody tells when it read what; what it ran with for so long, it has read.
        loads = [self._loaded_at(unit) for unit in units] or [self._view.now() - PROBATION_SECONDS]
        if units and not self._is_well(service, units, max(loads), answered):
            return None
        oldest = min(loads)
        configured = config_files(service, self._view)
        owned = tuple(path for path in owned_files(service, self._view) if path not in configured)
        programs = tuple(path for unit in units for path in programs_of(unit) if path not in configured)
        run = {path for unit in units if self._runs_as_written(unit) for path in programs_of(unit)}
        known_since = max((good.loaded_at for path in configured if (good := self._view.known_good.get(path))), default=math.inf)
        for path in configured:
            with suppress(Unavailable):  # a file that is too large or cannot be read has no good copy, and `doctor` says so
                self._good_file(path, self._read_at(path, oldest), known_since=known_since)
        for path in dict.fromkeys((*owned, *(path for path in programs if path in run))):
            with suppress(Unavailable):
                self._good_owner(path, oldest, self._digest(path, oldest) if path in programs else "")
        proven_at = max(loads) + PROBATION_SECONDS
        proven = self._view.now() >= proven_at
        if proven:
            self._forget_removed(service, configured, oldest)
        marks = self._marks({**dict.fromkeys(configured, (False,)), **dict.fromkeys(owned, (True,))})
        self._files[service.name] = marks, min(math.inf if proven else proven_at, *map(self._due, configured), math.inf)
        return programs

    def name_files(self, looked_at: float) -> None:
        """What names are found with, as it was when all that services need were found last."""
        for path in NAME_FILES:
            with suppress(Unavailable):
                self._good_file(path, looked_at)

    def _runs_as_written(self, unit: Unit) -> bool:
        """Whether systemd tells of the program that runs: what it has read anew since the start is what the next start will run."""
        began = unit.main_started_at or unit.active_enter_at
        files = (path for path in (unit.fragment_path, *unit.drop_ins) if path and not _MADE_ANEW.match(path))
        states = [self._view.files.look(path, follow=True) for path in files]
        return all(state is not None and _changed_at(state) <= began for state in states)

    def _loaded_at(self, unit: Unit) -> float:
        """When it read its files last; for a timer, when its job did."""
        return max((loaded_at(unit), *(job.main_started_at for job in self._done(unit))))

    def _done(self, unit: Unit) -> tuple[Unit, ...]:
        """The jobs of a timer whose last run ended well."""
        names = unit.triggers if unit.name.endswith(".timer") else ()
        return tuple(filter(_ended_well, map(self._view.units.get, names)))

    def _read_at(self, path: str, loaded_at: float) -> float:
        """When its service read what lies there. cron looks at its tables each minute, and takes those that it does not refuse."""
        state = self._view.files.look(path) if is_crontab(path) else None
        if state is None or self._view.now() < _cron_read(state) or any(problems_of(self._view, path)):
            return loaded_at
        return max(loaded_at, _cron_read(state))

    def _due(self, path: str) -> float:
        """When there is something new to be learned of it though nothing changes: a crontab is read a while after its change."""
        state = self._view.files.look(path) if is_crontab(path) else None
        times = (_cron_read(state), _cron_read(state) + PROBATION_SECONDS) if state else ()
        return min((at for at in times if at > self._view.now()), default=math.inf)

    def _forget_removed(self, service: Service, paths: Sequence[str], since: float) -> None:
        """What was taken away before the service was loaded, and is well without, is missed by nobody; but what is declared."""
        for path in paths:
            if path in service.config_files or self._view.files.look(path):
                continue
            above = self._view.files.look(str(PurePosixPath(path).parent), follow=True)
            if above and above.mtime < since:
                self._view.known_good.forget(path)

    def _is_well(self, service: Service, units: Sequence[Unit], since: float, answered: float) -> bool:
        """Whether what it loaded then has served its user since; without probes, whether it has lasted at least, or has done its work.

        In a crash loop a unit is active for a moment whenever one looks: what it loaded then is no good copy.
        """
        if probes_of(self._view, service):
            return answered > since
        return self._view.now() - since > _LASTED_SECONDS or any(map(self._done, units))

    def _marks(self, paths: Mapping[str, _Mark]) -> dict[str, _Mark]:
        """What tells that a file is as it was. Of a directory the entries come and go, unless it is one that stayed empty."""
        return {path: (mark[0], *self._mark(path, owner_only=bool(mark[0]))) for path, mark in paths.items()}

    def _mark(self, path: str, *, owner_only: bool) -> _Mark:
        state = self._view.files.look(path)
        if state is None:
            return ()
        if not owner_only:
            return state.mtime, state.ctime
        return state.uid, state.gid, state.mode, state.link_target, state.mtime if path in self._empty else 0.0

    def _good_file(self, path: str, loaded_at: float, *, known_since: float = math.inf) -> None:
        """`known_since`: when the service was loaded last with the others that are known; what is younger came to them."""
        state, good = self._view.files.look(path), self._view.known_good.get(path)
        if state is None or (good is not None and good.kind == state.kind and good.loaded_at >= _changed_at(state)):
            return  # nothing new since it was remembered
        if _changed_at(state) > loaded_at or self._is_on_probation(good, loaded_at, newcomer=_changed_at(state) > known_since):
            return  # changed, and never loaded since: another story
        self._view.known_good.put(path, self._content(path, state), state, loaded_at)

    def _content(self, path: str, state: FileState) -> bytes:
        """Of the very file that was looked at; of what is no file nothing. Raises Unavailable.

        Whoever may write on the way to it could lead root to any other meanwhile, and have that put back where he reads it.
        """
        if os.geteuid() != 0:  # nobody is led anywhere with rights that he has himself
            return self._view.files.read(path, _MAX_FILE_BYTES + 1) if state.kind == "file" else b""
        if point := self._view.mounts.doubtful(path, follow=False):
            raise Unavailable(f"{path} lies on {point}, which may hang: no good copy of it is made")
        with walked(path, follow=False) as way:
            if way is None or FileState(**helper_child.state(way.state, way.link_target)) != state:
                raise Unavailable(f"{path} was exchanged meanwhile")
            if state.kind != "file":
                return b""
            with way.opened() as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
                return file.read(_MAX_FILE_BYTES + 1)

    def _digest(self, path: str, loaded_at: float) -> str:
        """Of a program as it runs. Of one that was changed since it was started nothing is known; one of a package's is not replaced."""
        state = self._view.files.look(path)
        if state is None or state.kind != "file" or _changed_at(state) > loaded_at:
            return ""
        mark = (state.inode, state.size, state.mtime, state.ctime)
        if self._digests.get(path, ((), ""))[0] != mark:
            known = self._view.known_good.get(path) is not None and not_as_before(self._view, path)
            self._digests[path] = mark, "" if known else self._view.files.digest(path)
        return self._digests[path][1]

    def _good_owner(self, path: str, loaded_at: float, digest: str = "") -> None:
        """Owner and mode, without content: that alone may be put back. A link is what it leads to. `digest`: of a program."""
        state, good = self._view.files.look(path), self._view.known_good.get(path)
        if state is None:
            return
        empty = state.kind == "dir" and not self._view.files.entries(path, 1)
        kept = replace(state, kind=state.kind if state.kind in ("dir", "link") else "owned")
        same = good is not None and (good.kind, good.uid, good.gid, good.mode, good.link_target) == _owner(kept)
        same = same and good is not None and (good.digest == self._view.digests.told(digest) or not digest)
        if same and good is not None and (good.empty <= empty):
            (self._empty.add if good.empty else self._empty.discard)(path)
            return
        # A directory's times change all the time, so its first sight counts.
        if not same and good is not None and (_changed_at(state) > loaded_at or self._is_on_probation(good, loaded_at)):
            return
        if state.kind == "link" and _changed_at(state) > loaded_at:
            return
        self._view.known_good.put(path, b"", kept, loaded_at, empty=empty, digest=digest)
        (self._empty.add if empty else self._empty.discard)(path)

    def _is_on_probation(self, good: GoodFile | None, loaded_at: float, *, newcomer: bool = False) -> bool:
        """A new version does not push out one that is known to be good, nor does a new file join them, before it has run for a while."""
        return (good is not None or newcomer) and self._view.now() - loaded_at < PROBATION_SECONDS


def _cron_read(state: FileState) -> float:
    """At the next full minute it looks what has changed."""
    return (_changed_at(state) // 60 + 1) * 60 + 2


def _changed_at(state: FileState) -> float:
    return max(state.mtime, state.ctime)


def _owner(state: FileState) -> tuple[str, int, int, int, str]:
    return state.kind, state.uid, state.gid, state.mode, state.link_target
