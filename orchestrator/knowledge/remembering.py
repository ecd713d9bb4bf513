"""Remembering what was good: the baseline of what runs here, and last known good files. Only while all is well."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from orchestrator.config import Service
from orchestrator.host import Baseline, Unavailable, Unit, View
from orchestrator.knowledge.evidence.configuration import watched_files

_MAX_FILE_BYTES = 1 << 20
_DROPPED_AFTER = 3
PROBATION_SECONDS = 60.0
"""So long a service must have run well with a changed file before that is what "good" means."""
_LASTED_SECONDS = 10.0


class Remembering:
    """The daemon's memory of well-being. Not thread-safe: the sweep alone uses it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._absent: dict[str, int] = {}
        self._changed: set[str] = set()
        self._files: dict[str, dict[str, tuple[float, float]]] = {}
        """For each service whose files are all remembered: each file's times as they were then."""

    def note_changed(self, names: frozenset[str]) -> None:
        """Units that systemd reported; an empty set means any. Called by the listener's thread."""
        if names:
            self._changed.update(names)
        else:
            self._files.clear()

    def baseline(self) -> Baseline:
        """What runs now, with what ran before and is missing only now: a unit leaves after three quiet sweeps without it.

        Else a crash that no check has seen yet would be forgotten by the very sweep that should miss it.
        """
        now, before = Baseline.read(self._view), self._view.baseline
        missing = before.active - now.active
        self._absent = {name: self._absent.get(name, 0) + 1 for name in missing}
        kept = frozenset(name for name, count in self._absent.items() if count < _DROPPED_AFTER)
        return replace(now, active=now.active | kept)

    def good_files(self, service: Service) -> None:
        """Remember each watched file of a healthy service that was loaded by a start or reload after its last change."""
        if service.target not in self._changed and self._files.get(service.name) == self._times(self._files.get(service.name, {})):
            return  # neither the unit nor a file of it changed: the usual case asks systemd nothing
        self._changed.discard(service.target)
        self._files.pop(service.name, None)
        unit = self._view.units.get(service.unit) if service.unit else Unit(name=f"{service.name}.service")
        if service.unit and (not unit.running or unit.in_transition):
            return
        loaded_at = max(unit.active_enter_at, unit.main_started_at, unit.reloaded_at)
        if service.unit is None:  # nobody tells when it read what; what it ran with for so long, it has read
            loaded_at = self._view.now() - PROBATION_SECONDS
        if service.unit and not self._is_well(service, loaded_at):
            return
        watched = watched_files(unit, service)
        for path in watched:
            with suppress(Unavailable):  # a file that is too large or cannot be read has no good copy, and `doctor` says so
                self._good_file(path, loaded_at, owner_only=path in service.files)
        if self._view.now() - loaded_at >= PROBATION_SECONDS:
            self._files[service.name] = self._times(watched)  # nothing is to be learned until a file or the unit changes again

    def _is_well(self, service: Service, loaded_at: float) -> bool:
        """Whether what it loaded then has served its user since; without probes, whether it has lasted at least.

        In a crash loop a unit is active for a moment whenever one looks: what it loaded then is no good copy.
        """
        if service.probes:
            return self._view.answered.get(service.target, 0.0) > loaded_at
        return self._view.now() - loaded_at > _LASTED_SECONDS

    def _times(self, paths: Iterable[str]) -> dict[str, tuple[float, float]]:
        states = {path: self._view.files.look(path) for path in paths}
        return {path: (state.mtime, state.ctime) if state else (0.0, 0.0) for path, state in states.items()}

    def _good_file(self, path: str, loaded_at: float, *, owner_only: bool) -> None:
        state, good = self._view.files.look(path), self._view.known_good.get(path)
        if state is None:
            return
        changed_at = max(state.mtime, state.ctime)
        if good is not None and (
            (state.uid, state.gid, state.mode) == (good.uid, good.gid, good.mode) if owner_only else good.loaded_at >= changed_at
        ):
            return  # nothing new since it was remembered
        if good is not None and self._view.now() - loaded_at < PROBATION_SECONDS:
            return  # a new version does not push out one that is known to be good before it has run for a while
        if changed_at > loaded_at and not (owner_only and good is None):
            return  # changed, and never loaded since: another story (a log directory changes all the time, so its first sight counts)
        if owner_only:
            # Kept like a directory, without content: what may be put back is owner and mode alone.
            self._view.known_good.put(path, b"", replace(state, kind="dir"), loaded_at)
        else:
            content = self._view.files.read(path, _MAX_FILE_BYTES) if state.kind == "file" else b""
            self._view.known_good.put(path, content, state, loaded_at)
