"""Questions that a command answers: a service's own test, its probes, what its user finds and may enter.

No command is free. One is run only when the hands' own configuration declares exactly these words for exactly this user, or a
well-known server that a declared service runs has them; the words that were asked only choose. Each runs as a transient unit, a few
at once, the same one never twice at once, and its answer is kept for some seconds: asked without an end it runs no more often. All
together they have a pace.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from pydantic import Field

from orchestrator.config import CommandProbe, Config, Service
from orchestrator.hands.buckets import Buckets, Pace
from orchestrator.hands.questions import Nothing, Question
from orchestrator.host import CommandResult, Unavailable, View, databases
from orchestrator.host.known_servers import TEST_SECONDS
from orchestrator.host.names import HOST, addresses_of
from orchestrator.host.obstacles import unreachable as closed_to
from orchestrator.host.runs import ours
from orchestrator.masking import mask
from orchestrator.model import UnitName, Word

KEPT_SECONDS = 3.0
"""Less than the shortest time between two looks of one check: what was mended in between is seen."""
_MOST = 500
_PACE = Pace(at_once=100, a_second=10)
"""Of all that is run together: each is a unit that systemd has to start."""
_CLOCK_SECONDS = 20.0
_SAID_CHARACTERS = 4000
_USER = r"^([A-Za-z_][A-Za-z0-9_.-]{0,31}\$?)?$"

User = Annotated[str, Field(pattern=_USER)]
_Key = tuple[str, ...]


class Command(Word):
    argv: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1, max_length=1000)]
    user: User = ""
    """Empty: root."""


class Name(Word):
    name: Annotated[str, Field(pattern=rf"^{HOST}$", max_length=253)]
    user: User = ""


class OneUnit(Word):
    unit: UnitName


class OneTarget(Word):
    target: Annotated[str, Field(min_length=1, max_length=255)]


def command(view: View, config: Config, about: Command) -> Any:
    """What a declared test or probe said: {"exit", "output", "timed_out", "seconds"}, as `CommandResult`; the output masked."""
    timeouts = (seconds for argv, user, seconds in declared(view, config) if (argv, user or "") == (about.argv, about.user))
    if (timeout := next(timeouts, None)) is None:
        who = about.user or "root"
        raise Unavailable(f"{about.argv[0][:100]} as {who} is no test or probe that the configuration of the hands declares")
    said = _kept(view, ("command", about.user, *about.argv), lambda: view.runs(about.argv, timeout=timeout, user=about.user or None))
    return asdict(CommandResult(said.exit, mask(said.output[-_SAID_CHARACTERS:]), timed_out=said.timed_out, seconds=said.seconds))


def addresses(view: View, config: Config, about: Name) -> Any:
    """What a declared service's user finds for a name of a host. Everybody may ask for names; this asks with his eyes."""
    if about.user not in {user for service in config.service for user in _users(view, service)}:
        raise Unavailable(f"{about.user or 'root'} runs no service that the configuration of the hands declares")
    return list(_kept(view, ("addresses", about.user, about.name), lambda: addresses_of(view, about.name, about.user)))


def unreachable(view: View, config: Config, about: OneUnit) -> Any:
    """What the unit's own user may not get to, of what the unit itself names: the path, its owner and mode."""
    del config
    unit = view.units.get(about.unit)
    return [asdict(one) for one in _kept(view, ("unreachable", about.unit), lambda: tuple(closed_to(view, unit)))]


def database_troubles(view: View, config: Config, about: OneTarget) -> Any:
    """[[file, what SQLite finds wrong in it]] for the databases of a declared service, or of a unit that systemd has loaded."""
    service = config.service_of(about.target)
    if service is None and view.units.get(about.target).load_state != "loaded":
        raise Unavailable(f"{about.target} is neither a declared service nor a loaded unit")
    found = _kept(view, ("databases", about.target), lambda: tuple(databases.troubles(view, about.target, service)))
    return [list(one) for one in found]


def clock_kept(view: View, config: Config, about: Nothing) -> Any:
    """Whether the kernel holds its clock for synchronised. No sandbox of ours lets a program ask that, so one outside does."""
    del config, about
    said = _kept(view, ("clock_kept",), lambda: view.runs(ours("orchestrator.host.asking_clock"), timeout=_CLOCK_SECONDS, user="nobody"))
    if said.output.strip() not in ("yes", "no"):
        raise Unavailable(f"nothing tells how the clock is kept: {said.output.strip()[:200]}")
    return said.output.strip() == "yes"


def declared(view: View, config: Config) -> Iterator[tuple[tuple[str, ...], str | None, float]]:
    """Each command that the configuration, or a well-known server of a declared service, has for a look: words, user, seconds."""
    for service in config.service:
        unit = view.units.get(service.unit) if service.unit else None
        own = service.user or (unit.user if unit else "") or None
        if service.config_test:
            yield service.config_test, own, TEST_SECONDS
        for probe in service.probes:
            if isinstance(probe, CommandProbe):
                yield probe.command, service.user, probe.timeout_seconds
        if service.unit and view.servers.of(service.target) is None:
            view.servers.meet(service, config.server)
        known = view.servers.of(service.target)
        tests = (known.test, *known.probes) if known else ()
        for number, test in enumerate(tests):
            if known and isinstance(test, CommandProbe):
                yield test.command, known.probe_user if number else known.test_user, test.timeout_seconds


def _users(view: View, service: Service) -> Iterator[str]:
    yield service.user or (view.units.get(service.unit).user if service.unit else "")


class _Answers:
    """Each with the time when it was given; whoever asks the same meanwhile waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[_Key, threading.Lock] = {}
        self._given: dict[_Key, tuple[float, Any]] = {}
        self._buckets = Buckets()

    def get(self, key: _Key, ask: Callable[[], Any]) -> Any:
        with self._lock:
            if len(self._locks) > _MOST:
                self._locks.clear()
                self._given.clear()
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            at, known = self._given.get(key, (float("-inf"), None))
            if time.monotonic() - at > KEPT_SECONDS:
                if not self._buckets.take(0, "run", _PACE):
                    raise Unavailable("the hands ran too many looks of late; ask again in some seconds")
                known = ask()
                self._given[key] = time.monotonic(), known
            return known


_answers: WeakKeyDictionary[View, _Answers] = WeakKeyDictionary()


def _kept(view: View, key: _Key, ask: Callable[[], Any]) -> Any:
    return _answers.setdefault(view, _Answers()).get(key, ask)


QUESTIONS: Mapping[str, Question] = {
    "command": Question(Command, command),
    "addresses": Question(Name, addresses),
    "unreachable": Question(OneUnit, unreachable),
    "clock_kept": Question(Nothing, clock_kept),
    "database_troubles": Question(OneTarget, database_troubles),
}
