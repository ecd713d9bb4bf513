"""Where a program comes from: what its package says of it, and whether anybody could have put it where it lies.

The package manager's own list of digests is no proof against somebody who was root; it is one against everybody else's accidents,
and it is what an administrator would ask first.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.host.commands import run
from orchestrator.host.errors import Unavailable
from orchestrator.host.processes import Process
from orchestrator.host.unit import Unit

if TYPE_CHECKING:
    from orchestrator.host.view import View

EVERYBODYS = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108  # looked at, not written to
"""file-hierarchy(7): where every user may write."""
DELETED = " (deleted)"
_DPKG = "/usr/bin/dpkg-query"
_INFO = "/var/lib/dpkg/info"
_ASK_SECONDS = 10
_LIST_BYTES = 32 << 20
_MERGED = re.compile(r"^/usr(?=/(?:s?bin|lib(?:32|64|x32)?)/)")
_UNMERGED = re.compile(r"^(?=/(?:s?bin|lib(?:32|64|x32)?)/)")
_INTERPRETER = re.compile(r"^(?:(?:ba|da|k|z)?sh|(?:python|perl|ruby|php|node|lua|tclsh|java)[\d.]*)$")
_PATTERN = frozenset("*?[\\")
_PATH = re.compile(r"(?<![\w./-])/[\w.+@-]+(?:/[\w.+@-]+)*")
_WRITABLE_BY_ALL = 0o002


def package_of(path: str) -> str:
    """The package that brought the file; empty where none did, or nothing keeps a list. Raises Unavailable."""
    if not Path(_DPKG).exists() or _PATTERN & set(path):
        return ""
    # dpkg knows a file by the name that its package gave it, before /bin became /usr/bin.
    names = dict.fromkeys((path, _MERGED.sub("", path), _UNMERGED.sub("/usr", path)))
    result = run([_DPKG, "--search", *names], timeout=_ASK_SECONDS)
    if result.exit not in (0, 1):
        raise Unavailable(f"whose {path} is could not be asked: {result.output.strip()[:200] or 'no answer'}")
    for line in result.output.splitlines():
        package, _, found = line.partition(": ")
        if found in names and not package.startswith("diversion by "):
            return package.split(",")[0].strip()
    return ""


def altered(view: "View", path: str) -> str:
    """The package whose file this is and that brought another one; empty where it is as it came, or nothing tells."""
    package = package_of(path)
    if not package or package.partition(":")[0] in view.packages.half_configured():
        return ""
    wanted = _listed(view, package, path)
    now = view.files.digest(path, "md5") if wanted else ""
    return package if now and now != wanted else ""


class Programs:
    """What declared services run. Whether a file is still its package's is asked again only when the file was changed."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, ...]] = {}
        self._fine: dict[str, tuple[float, float, int]] = {}
        """The mark of each file that was found to be as it came, or as a service ran well with it."""

    def note(self, target: str, paths: tuple[str, ...]) -> None:
        self._of[target] = paths

    def altered(self, view: "View") -> Iterator[tuple[str, str, str]]:
        """Each service, program and package where the file is neither the package's nor what the service ran well with."""
        for target, paths in list(self._of.items()):
            for path in paths:
                state = view.files.look(path)
                mark = (state.mtime, state.ctime, state.inode) if state else None
                if mark is None or self._fine.get(path) == mark:
                    continue
                if package := not_as_before(view, path):
                    yield target, path, package
                else:
                    self._fine[path] = mark


def not_as_before(view: "View", path: str) -> str:
    """As `altered`, but a file that a service ran well with is its own, whatever the package brought."""
    good = view.known_good.get(path)
    return "" if good and good.digest and good.digest == view.known_good.digest(path) else altered(view, path)


def _listed(view: "View", package: str, path: str) -> str:
    """The MD5 that the package's own list has for the file; empty for none (a file of its configuration, a diversion)."""
    names = {name.lstrip("/") for name in (path, _MERGED.sub("", path), _UNMERGED.sub("/usr", path))}
    try:
        text = view.files.read(f"{_INFO}/{package}.md5sums", _LIST_BYTES).decode(errors="replace")
    except Unavailable:
        return ""
    return next((line[:32] for line in text.splitlines() if line[34:] in names), "")


def programs_of(unit: Unit) -> tuple[str, ...]:
    """What the unit runs, by real path: its programs, and the scripts that an interpreter among them is given."""
    found = [path for path in unit.programs if path.startswith("/")]
    for line in unit.exec_start:
        found += _scripts(line)
    return () if unit.own_root else tuple(dict.fromkeys(os.path.realpath(path) for path in found))


def is_interpreter(path: str) -> bool:
    """Whether what it runs is named by its arguments."""
    return _INTERPRETER.match(PurePosixPath(path).name) is not None


def _scripts(argv: tuple[str, ...]) -> Iterator[str]:
    """Files that an interpreter runs: the first path that it is given, and what a shell's command line names."""
    if len(argv) < 2 or not is_interpreter(argv[0]):
        return
    for word in argv[1:]:
        if " " in word:
            yield from (path for path in _PATH.findall(word) if os.access(path, os.X_OK) and Path(path).is_file())
            return
        if word.startswith("/"):
            yield word
            return


def script_of(process: Process) -> str:
    """The script that an interpreter runs, as it says itself; empty for none."""
    return next(_scripts((process.exe, *process.argv[1:])), "")


def strange_place(view: "View", path: str) -> str:
    """Why nothing should run from there: everybody may write to the file, or to a directory above it. Empty when nobody else may."""
    for part in (PurePosixPath(path), *PurePosixPath(path).parents):
        state = view.files.look(str(part), follow=True)
        if state and state.mode & _WRITABLE_BY_ALL:
            return "everybody may write to it" if str(part) == path else f"lies beneath {part}, where everybody may write"
    return ""
