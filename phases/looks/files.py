"""Looks at files: a declared one or a unit's own, the room on a mount, and what was changed lately."""

import difflib
import os.path
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import ClassVar, Self

from orchestrator.actions.good_files import config_files, services_of
from orchestrator.config import Config
from orchestrator.host import FileState, Unavailable, View
from orchestrator.model import AbsolutePath, Case, is_unit, utc
from orchestrator.roots import points_of
from phases.looks import Look, Past, units_of

_MOST_FILES, _MOST_MOUNTS, _MOST_CHANGES = 16, 8, 40
_FILE_BYTES = 64 << 10
_CONTENT_CHARACTERS, _DIFF_CHARACTERS = 1500, 800
_KEYS = (".key", ".pem", ".p12", ".pfx", ".jks", ".keytab")
_OTHERS_WRITE, _ALL_READ = 0o022, 0o004
_DAY = 86_400.0
_PACKAGE_LOG, _PACKAGE_LOG_BYTES, _PACKAGE_LINES = "/var/log/dpkg.log", 8 << 20, 20
_PACKAGE_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) ([a-z0-9][a-z0-9+.:-]{1,80}) (\S{1,60}) (\S{1,60})"
)


class FileLook(Look):
    """A configuration file of a service in the scope, or a unit's own file: what stands there, and against its last known good.

    An administrator's alone: what somebody else may write is no better than a log. A link may lead to what nobody meant to show.
    """

    target: AbsolutePath
    what: ClassVar[str] = "file"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        return (cls(target=path) for path in _files(case, view, config)[:_MOST_FILES])

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del past
        state = view.files.look(self.target)
        if state is None:
            return f"{self.target} does not exist" + (", and a good copy of it is known" if view.known_good.get(self.target) else "")
        told = [f"{self.target}: {_state(state)}"]
        declared = tuple(path for service in services_of(case, config) for path in service.config_files)
        if why := _why_not(self.target, state, view, declared):
            return f"{told[0]}; what stands in it is not told: {why}"
        now = _text(view.files.read(os.path.realpath(self.target), _FILE_BYTES))
        with suppress(Unavailable):
            told += _against(_text(view.known_good.content(self.target)), now)
        over = len(now) - _CONTENT_CHARACTERS
        told += ["it reads:", now[:_CONTENT_CHARACTERS], *([f"({over} characters are left out)"] if over > 0 else [])]
        return "\n".join(told)


class DiskLook(Look):
    """Space, inodes and state of a mount that the incident has to do with."""

    target: AbsolutePath
    what: ClassVar[str] = "disk"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        own = (case.fault.target,) if case.fault.target.startswith("/") else ()
        points = points_of(case.fault.target, view, config)
        beneath = {view.mounts.of_path(path).point for path in (*own, *case.scope.paths[:_MOST_FILES])}
        return (cls(target=point) for point in sorted({*points, *beneath})[:_MOST_MOUNTS])

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del case, config, past
        mount, usage = view.mounts.of_path(self.target), view.mounts.usage(self.target)
        return "\n".join(
            (
                f"{self.target}: {mount.fstype}, {'read-only' if mount.read_only else 'writable'}",
                f"space: {usage.used_percent:.0f} % used, {usage.available / 1e6:.0f} of {usage.total / 1e6:.0f} MB available",
                f"inodes: {usage.inodes_percent:.0f} % used, {usage.inodes_used} of {usage.inodes}",
            )
        )


class ChangesLook(Look):
    """Files of the scope's services and units that were changed within a day, and packages: what changed may be what broke it."""

    what: ClassVar[str] = "changes"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del case, view, config
        yield cls(target="24h")

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del past
        began, found = case.incident.detected_at, []
        for path in _files(case, view, config):
            with suppress(Unavailable):
                state = view.files.look(path, follow=True)
                if state is None:
                    found.append((0.0, f"{path} does not exist"))
                elif began - (at := max(state.mtime, state.ctime)) < _DAY:
                    found.append((at, f"{utc(at)[:19]} {path} changed {_when(began - at)}"))
        told = [line for _, line in sorted(found)[-_MOST_CHANGES:]] or ["no file of it was changed within a day"]
        return "\n".join([*told, *_packages(view)])


def _files(case: Case, view: View, config: Config) -> tuple[str, ...]:
    """The target's own first. Neither keys nor environments: there the secrets lie; nor what the operator protects."""
    found: list[str] = []
    with suppress(Unavailable):
        units = [view.units.get(name) for name in units_of(case) if is_unit(name)]
        environments = {path for unit in units for path in unit.environment_files}
        declared = [path for service in services_of(case, config) for path in config_files(service, view)]
        own = [path for unit in units for path in (unit.fragment_path, *unit.drop_ins)]
        found = [path for path in (*declared, *own) if path and path not in environments and not path.endswith(_KEYS)]
    kept_away = (*config.protect.paths, config.daemon.state_dir)
    return tuple(dict.fromkeys(path for path in found if not any(_is_beneath(path, root) for root in kept_away)))


def _why_not(path: str, state: FileState, view: View, declared: tuple[str, ...]) -> str:
    """Why its content is not told; empty when it may be. What not everybody may read, an operator has to have named himself."""
    if state.kind not in ("file", "link"):
        return f"it is a {state.kind}"
    if point := view.mounts.doubtful(path):
        return f"{point} may hang"
    real = os.path.realpath(path)
    found, *above = [view.files.look(str(part)) for part in (PurePosixPath(real), *PurePosixPath(real).parents)]
    if not found or not _is_admins(found) or not all(one and _is_admins(one) for one in above):
        return "others than an administrator may write it"
    if not found.mode & _ALL_READ and (real != path or path not in declared):
        return "not everybody may read it"
    return ""


def _is_admins(state: FileState) -> bool:
    """Whether nobody else may change it, or what it leads to.

    It is asked of all directories up to the root: who may rename one of them puts in another, between our look and our reading too.
    In one that is sticky nobody renames what is an administrator's.
    """
    is_sticky = state.kind == "dir" and state.mode & stat.S_ISVTX
    return state.uid == 0 and (not state.mode & _OTHERS_WRITE or bool(is_sticky))


def _text(content: bytes) -> str:
    return "(no text)" if b"\0" in content else content.decode(errors="replace")


def _against(good: str, now: str) -> list[str]:
    """Only the lines that differ: `-` stood there while all was well."""
    if good == now:
        return ["it is as it was while all was well"]
    lines = difflib.unified_diff(good.splitlines(), now.splitlines(), lineterm="", n=0)
    differing = "\n".join(line for line in lines if not line.startswith(("---", "+++")))
    return ["against what it was while all was well:", differing[:_DIFF_CHARACTERS]]


def _state(state: FileState) -> str:
    changed = utc(max(state.mtime, state.ctime))[:19]
    return f"{state.kind}, owner {state.uid}:{state.gid}, mode {state.mode:o}, {state.size} bytes, changed {changed}"


def _when(before: float) -> str:
    return f"{before:.0f} s before the fault" if before >= 0 else f"{-before:.0f} s after the fault was seen"


def _packages(view: View) -> list[str]:
    """What dpkg did within a day, by its own log, which root alone writes."""
    with suppress(Unavailable):
        if view.files.look(_PACKAGE_LOG):
            since = utc(view.now() - _DAY)[:19]
            text = view.files.read(_PACKAGE_LOG, _PACKAGE_LOG_BYTES).decode(errors="replace")
            done = [found for line in text.splitlines() if (found := _PACKAGE_LINE.fullmatch(line)) and found[1] >= since]
            return [" ".join(found.groups()) for found in done[-_PACKAGE_LINES:]] or ["no package was changed within a day"]
    return []


def _is_beneath(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
