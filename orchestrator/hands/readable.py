"""Which paths the configuration names, and what the hands tell of each. What nobody named is told to nobody.

A path is named by the operator (a service's files, its logs, a certificate), by a unit that systemd has loaded, by a well-known
server that a declared service runs, by the host's own tables (mounts, crontabs, tmpfiles.d), or by a text that may be told. What lies
on the way to a named path may be looked at as well: else nobody could say what of it is missing.
"""

import os.path
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from weakref import WeakKeyDictionary

from orchestrator.actions.good_files import config_files, owned_files, read_by_systemd
from orchestrator.checks.certificate_standing import possible_keys
from orchestrator.config import Config, FileProbe, Service
from orchestrator.host import Unavailable, Unit, View, accounts, crontabs, tmpfiles
from orchestrator.host.baseline import lost_and_found
from orchestrator.host.names import NAME_FILES
from orchestrator.host.obstacles import output_files
from orchestrator.host.places import written
from orchestrator.host.provenance import DELETED, programs_of

FRESH_SECONDS = 15.0
"""So old may be what is known of undeclared units and of what texts name: to ask systemd for all units takes it half a second."""
_OWN_FRESH_SECONDS, _AGAIN_SECONDS = 10.0, 1.0
_TEXT_BYTES = 1 << 18
_NAMED = re.compile(rb"(?<![\w./-])/(?:run|tmp|var|opt|srv|home|data|etc)/[\w.@+/-]{1,200}")
_MOST = 20_000
_ENTRIES = 200
_KEYS = (".key", "_key", ".p12", ".pfx", ".jks", ".keytab", ".kdbx", ".gpg")
_KINDS = (".service", ".socket", ".mount", ".automount", ".timer", ".path", ".swap")


@dataclass(frozen=True)
class Readable:
    """Each set holds plain absolute paths."""

    texts: frozenset[str] = frozenset()
    """Content, masked: what the operator named himself, and what the host's own tables are."""
    publics: frozenset[str] = frozenset()
    """The same, where everybody may read the file and only the way to it is closed."""
    pems: frozenset[str] = frozenset()
    """Certificates, and that a key is there."""
    logs: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    """Directories whose names are told."""
    looked: frozenset[str] = frozenset()
    """Kind, owner, mode, size and times alone."""
    beneath: tuple[str, ...] = ()
    """What lies beneath these may be looked at as well."""
    secrets: tuple[str, ...] = ()
    """No content of these, nor of what lies beneath them, whoever names it: environments, keys, what the operator protects."""

    @cached_property
    def _seen(self) -> frozenset[str]:
        return _with_the_way(self.texts | self.publics | self.pems | self.logs | self.listed | self.looked)

    def looks(self, path: str) -> bool:
        return path in self._seen or is_beneath(path, self.beneath)

    def tells(self, path: str) -> bool:
        return path in self.texts or path in self.publics or path in self.pems

    def keeps(self, path: str) -> bool:
        """Whether its content is nobody's business."""
        return path.endswith(_KEYS) or is_beneath(path, self.secrets)


@dataclass
class _Known:
    config: Config
    own: tuple[float, Readable] = (-1e9, Readable())
    others: tuple[float, frozenset[str]] = (-1e9, frozenset())
    doors: set[str] = field(default_factory=set)
    """Socket files that somebody listened on: one that is gone is to be missed."""


_known: WeakKeyDictionary[View, _Known] = WeakKeyDictionary()


def readable(view: View, config: Config, wanted: Callable[[Readable], bool]) -> Readable:
    """By what is declared, some seconds old at most; younger where what is `wanted` is not among it."""
    known = _of(view, config)
    age = time.monotonic() - known.own[0]
    if age > _OWN_FRESH_SECONDS or (age > _AGAIN_SECONDS and not wanted(known.own[1])):
        if len(known.doors) < _MOST:
            known.doors |= {listener.path for listener in view.sockets.unix() if listener.path.startswith("/")}
        known.own = (time.monotonic(), _declared(view, config, known.doors))
    return known.own[1]


def may_look(view: View, config: Config, path: str) -> bool:
    """Also at what only an undeclared unit names, or a program that runs: those are asked for when nothing else names it."""
    named = readable(view, config, lambda named: named.looks(path))
    if named.looks(path):
        return True
    known = _of(view, config)
    if time.monotonic() - known.others[0] > FRESH_SECONDS:
        others = (*_named(view, named.texts | named.publics), *_of_programs(view), *_of_units(view))
        known.others = (time.monotonic(), _with_the_way(others))
    return path in known.others[1]


def is_beneath(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def is_plain(path: str) -> bool:
    """Without `..`, `.` and empty parts: what is compared is what is opened."""
    return path == os.path.normpath(path) and not path.startswith("//")


def _of(view: View, config: Config) -> _Known:
    known = _known.get(view)
    if known is None or known.config is not config:
        known = _known[view] = _Known(config)
    return known


def _declared(view: View, config: Config, doors: Iterable[str]) -> Readable:
    """All that is named without an undeclared unit."""
    named = [_of_service(view, config, service) for service in config.service]
    named += [_of_tables(config), _of_host(view, doors)]
    return Readable(
        texts=frozenset().union(*(one.texts for one in named)),
        publics=frozenset().union(*(one.publics for one in named)),
        pems=frozenset().union(*(one.pems for one in named)),
        logs=frozenset().union(*(one.logs for one in named)),
        listed=frozenset().union(*(one.listed for one in named)),
        looked=frozenset().union(*(one.looked for one in named)),
        beneath=tuple(path for one in named for path in one.beneath),
        secrets=tuple(path for one in named for path in one.secrets),
    )


def _of_tables(config: Config) -> Readable:
    """What the configuration's other tables name, and what it keeps away."""
    own = (config.daemon.state_dir, str(config.hands_dir), "/etc/autonomous-orchestrator")
    return Readable(
        pems=frozenset(path for item in config.certificate for path in (item.file, *possible_keys(item))),
        logs=frozenset(rule.file for rule in config.log if rule.file),
        beneath=tuple(item.path for item in config.path),
        secrets=(*config.protect.paths, *own),
    )


def _of_host(view: View, doors: Iterable[str]) -> Readable:
    """What the host itself declares: its crontabs, accounts, mounts, directories, and the sockets that are listened on."""
    tables = [path for directory in crontabs.DIRECTORIES for path in _in(view, directory)]
    rules = [path for directory in accounts.RULES for path in _in(view, directory)]
    homes = [f"{home}/.ssh/authorized_keys" for home in _in(view, "/home")]
    points = [mount.point for mount in view.mounts.list()]
    with suppress(Unavailable):
        points += [entry.path for entry in tmpfiles.declared_directories()]
    return Readable(
        texts=frozenset((crontabs.MAIN, *tables, *NAME_FILES)),
        listed=frozenset((*crontabs.DIRECTORIES, *accounts.RULES, *lost_and_found(view))),
        looked=frozenset((*accounts.FILES, *rules, *homes, *points, *doors)),
        secrets=accounts.SECRETS,
    )


def _of_service(view: View, config: Config, service: Service) -> Readable:
    """What one declared service names by itself. What cannot be asked now (systemd is away) is not told now."""
    probed = [probe.file for probe in service.probes if isinstance(probe, FileProbe)]
    own = Readable(
        texts=frozenset(service.config_files),
        listed=frozenset(service.files),
        looked=frozenset((*probed, *((service.pid_file,) if service.pid_file else ()))),
        beneath=service.files,
    )
    with suppress(Unavailable):
        return _with_units(view, config, service, own)
    return own


def _with_units(view: View, config: Config, service: Service, own: Readable) -> Readable:
    """Raises Unavailable."""
    if service.unit and view.servers.of(service.target) is None:
        view.servers.meet(service, config.server)
    known = view.servers.of(service.target)
    names = dict.fromkeys((*((service.unit,) if service.unit else ()), *(known.units if known else ())))
    units = tuple(map(view.units.get, names))
    files = config_files(service, view)
    systemds = {path for path in files if read_by_systemd(path)}
    named = (path for unit in units for path in _of_unit(view, unit))
    return replace(
        own,
        texts=own.texts | systemds,
        publics=frozenset((*files, *(path for unit in units for path in programs_of(unit)))),
        logs=frozenset(known.logs if known else ()),
        listed=own.listed.union((path for unit in units for path in written(unit, service)), _folders(known.config if known else ())),
        looked=own.looked.union(owned_files(service, view), named),
        secrets=tuple(path for unit in units for path in (*unit.environment_files, *unit.credentials)),
    )


def _of_unit(view: View, unit: Unit) -> Iterator[str]:
    """What systemd itself says that the unit has to do with."""
    yield from (unit.fragment_path, *unit.drop_ins, *unit.environment_files, *unit.environment_paths, *unit.needed_environment_files)
    yield from (*unit.credentials, *unit.programs, *programs_of(unit), unit.working_directory.lstrip("-!"), *unit.sandbox_paths)
    yield from (*unit.runtime_directories, *unit.state_directories, *unit.cache_directories, *unit.logs_directories)
    yield from (*unit.configuration_directories, *unit.listen, unit.pid_file, unit.where, *unit.requires_mounts_for)
    with suppress(Unavailable):
        yield from output_files(view, unit)


def _of_programs(view: View) -> Iterator[str]:
    """What runs now: whether everybody may write there is asked of it."""
    with suppress(Unavailable):
        yield from (program.removesuffix(DELETED) for _, program in view.processes.programs())


def _of_units(view: View) -> Iterator[str]:
    for line in view.units.list():
        if line.load_state == "loaded" and line.name.endswith(_KINDS):
            yield from _of_unit(view, view.units.get(line.name))


def _with_the_way(paths: Iterable[str]) -> frozenset[str]:
    named = {path for path in paths if path.startswith("/")}
    return frozenset(named | {str(above) for path in named for above in PurePosixPath(path).parents})


def _named(view: View, texts: Iterable[str]) -> Iterator[str]:
    """What a text names that may be told anyway: a pid file, a lock, a directory."""
    for path in texts:
        with suppress(Unavailable):
            found = _NAMED.findall(view.files.read(path, _TEXT_BYTES))
            yield from (os.path.normpath(name.decode("ascii", "replace")) for name in found)


def _in(view: View, directory: str) -> tuple[str, ...]:
    with suppress(Unavailable):
        return tuple(f"{directory}/{name}" for name in view.files.entries(directory, _ENTRIES))
    return ()


def _folders(patterns: Iterable[str]) -> Iterator[str]:
    """The directories in which what a pattern with `*` means has to be looked for."""
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        wild = next((number for number, part in enumerate(parts) if "*" in part), None)
        if wild is not None:
            yield str(PurePosixPath(*parts[:wild]))
