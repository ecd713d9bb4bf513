"""What is known of declared services because they run a well-known server (`orchestrator.servers`).

A test or a probe that nobody declared counts only after it has passed here once: until then it may be wrong for this host,
and its failing says nothing. A probe has to pass anew after each change of the configuration: who gave the server another port
or a password meant it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from orchestrator.config import CommandProbe, Probe, Service, probes_from
from orchestrator.host.files import Files
from orchestrator.host.probes import ProbeResult
from orchestrator.host.unit import Unit
from orchestrator.servers import Recognised, Server, recognise

TEST_SECONDS = 20
"""For a service's own configuration test; most take less than one."""
_AGAIN_SECONDS = 600.0
"""What has not passed is not asked more often."""
_MOST_FILES = 300
_ENTRIES = 200

_Marks = tuple[tuple[str, float], ...]
Ask = Callable[[Probe, str | None], ProbeResult]
GetUnit = Callable[[str], Unit]


@dataclass(frozen=True, slots=True)
class KnownServer:
    """One declared service as the server that it runs."""

    name: str
    units: tuple[str, ...]
    """Those that do the work: its own, or what that stands for."""
    config: tuple[str, ...] = ()
    """Paths, also with `*` in a part."""
    test: CommandProbe | None = None
    test_user: str | None = None
    probes: tuple[Probe, ...] = ()
    probe_user: str | None = None
    excuses: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()

    def files(self, files: Files) -> tuple[str, ...]:
        """The configuration files that are there now."""
        found = (path for pattern in self.config for path in _expanded(pattern, files))
        return tuple(path for path, _ in zip(dict.fromkeys(found), range(_MOST_FILES), strict=False))

    def reads(self, path: str) -> bool:
        """Whether a file at this path, there or not, is a part of its configuration."""
        parts = path.split("/")
        patterns = (pattern.split("/") for pattern in self.config)
        return any(len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern)) for pattern in patterns)


@dataclass(slots=True)
class KnownServers:
    """In memory alone: it is learned anew at each start. Thread-safe."""

    files: Files
    get: GetUnit
    ask: Ask
    _known: dict[str, KnownServer] = field(default_factory=dict)
    _passed: dict[tuple[str, Probe], _Marks] = field(default_factory=dict)
    """With which configuration."""
    _asked: dict[tuple[str, Probe], float] = field(default_factory=dict)

    def of(self, target: str) -> KnownServer | None:
        """By a service's target."""
        return self._known.get(target)

    def test(self, target: str) -> tuple[CommandProbe, str | None] | None:
        """The server's own configuration test and who runs it, once it has passed here."""
        known = self._known.get(target)
        return (known.test, known.test_user) if known and known.test and (target, known.test) in self._passed else None

    def probes(self, target: str) -> tuple[tuple[Probe, ...], str | None]:
        """Those that have passed here with the configuration as it is, and who asks them."""
        known = self._known.get(target)
        if known is None or not any((target, probe) in self._passed for probe in known.probes):
            return (), None
        marks = self._marks(known)
        return tuple(probe for probe in known.probes if self._passed.get((target, probe)) == marks), known.probe_user

    def counts(self, target: str, probe: Probe, result: ProbeResult) -> bool:
        """Whether the answer tells how the service is. One that says that this host is set up otherwise ends the trust in the probe."""
        known = self._known.get(target)
        excused = known is not None and not result.ok and any(excuse in result.detail for excuse in known.excuses)
        if excused:
            self._passed.pop((target, probe), None)
        return not excused and not result.blind

    def meet(self, service: Service, servers: Sequence[Server]) -> None:
        """Recognise what the service's unit runs now. One that nobody recognises while its unit is broken is what it was."""
        unit = self.get(service.unit or "")
        if found := _known(unit, servers, self.get):
            self._known[service.target] = found
        elif unit.running:
            self._known.pop(service.target, None)

    def prove(self, service: Service) -> Iterator[str]:
        """Try what comes with the server and has not passed yet, while the service runs; gives each command that counts from now on.

        Takes seconds: never in the loop.
        """
        known = self._known.get(service.target)
        if known is None or not all(self.get(name).running for name in known.units):
            return
        wanted = [(known.test, known.test_user)] if known.test and not service.config_test else []
        for probe, user in (*wanted, *((probe, known.probe_user) for probe in known.probes if not service.probes)):
            key, now = (service.target, probe), time.monotonic()
            if key in self._passed and (probe == known.test or self._passed[key] == self._marks(known)):
                continue
            if now - self._asked.get(key, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
                continue
            self._asked[key], marks = now, self._marks(known)
            result = self.ask(probe, user)
            if result.ok:
                self._passed[key] = marks
                del self._asked[key]  # after a change it is asked at once
                yield f"{service.name} is {known.name}: {result.probe}"

    def _marks(self, known: KnownServer) -> _Marks:
        states = ((path, self.files.look(path, follow=True)) for path in known.files(self.files))
        return tuple((path, state.ctime) for path, state in states if state)


def _known(unit: Unit, servers: Sequence[Server], get: GetUnit) -> KnownServer | None:
    """A unit that does nothing itself is known by what it stands for."""
    found = recognise(servers, unit.name, unit.exec_start)
    if found is None:
        return None
    if not found.stands_for:
        return _filled(found, unit)
    workers = (get(name) for name in dict.fromkeys((*unit.consists_of, *unit.wants)) if fnmatchcase(name, found.stands_for))
    all_known = [known for worker in workers if (known := _known(worker, servers, get))]
    return _together(all_known) if all_known else None


def _filled(found: Recognised, unit: Unit) -> KnownServer:
    return KnownServer(
        name=found.server,
        units=(unit.name,),
        config=found.config,
        test=CommandProbe(command=found.test, timeout_seconds=TEST_SECONDS) if found.test else None,
        test_user=found.test_user or unit.user or None,
        probes=probes_from(found.probes),
        probe_user=found.probe_user or unit.user or None,
        excuses=found.excuses,
        logs=found.logs,
    )


def _together(known: Sequence[KnownServer]) -> KnownServer:
    """Several instances as one; each has its own test, so that together they have none."""
    first = known[0]
    if len(known) == 1:
        return first
    return replace(
        first,
        units=tuple(unit for one in known for unit in one.units),
        config=tuple(path for one in known for path in one.config),
        test=None,
        logs=tuple(path for one in known for path in one.logs),
    )


def _expanded(pattern: str, files: Files) -> Iterator[str]:
    """The paths that are there, for a pattern with `*` in any part."""
    parts = PurePosixPath(pattern).parts
    wild = next((number for number, part in enumerate(parts) if "*" in part), None)
    if wild is None:
        if files.look(pattern):
            yield pattern
        return
    above = str(PurePosixPath(*parts[:wild]))
    for name in files.entries(above, _ENTRIES):
        if fnmatchcase(name, parts[wild]):
            yield from _expanded(str(PurePosixPath(above, name, *parts[wild + 1 :])), files)
