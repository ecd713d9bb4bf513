"""The package manager: whether it is at work, and what it left half done."""

from collections.abc import Iterable
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.files import Files

_LOCKS = {
    "/var/lib/dpkg/lock-frontend": "dpkg",
    "/var/lib/dpkg/lock": "dpkg",
    "/var/lib/rpm/.rpm.lock": "rpm",
    "/usr/lib/sysimage/rpm/.rpm.lock": "rpm",
}
_STATUS = "/var/lib/dpkg/status"
_STATUS_BYTES = 64 << 20
_INFO = "/var/lib/dpkg/info"
_ENTRIES = 50_000
_LIST_BYTES = 4 << 20
_HALF_DONE = ("half-installed", "unpacked", "half-configured")
"""dpkg(1), package states: those that only an interrupted run leaves behind."""


class Packages:
    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: tuple[tuple[int, float, int], tuple[str, ...]] = ((0, 0.0, -1), ())
        """Which dpkg's status file was (inode, time, size), and what was half done by it: one value, since several threads ask."""

    def busy(self) -> str:
        """Who changes packages now, by a real lock: "dpkg: pid 123 (apt-get) holds /var/lib/dpkg/lock"; empty when nobody does.

        The files are always there: only the lock on one counts. Locks of apt's lists and archives change no package.
        """
        for path, manager in _LOCKS.items():
            pid = self._files.lock_holder(path)
            if pid is not None:
                return f"{manager}: {_who(pid)} holds {path}"
        return ""

    def half_configured(self) -> tuple[str, ...]:
        """Packages that dpkg left half installed or unconfigured; none without dpkg."""
        state = self._files.look(_STATUS)
        if state is None:
            return ()
        known, mark = self._known, (state.inode, state.mtime, state.size)
        if mark != known[0]:
            if state.size > _STATUS_BYTES:
                raise Unavailable(f"{_STATUS} is larger than {_STATUS_BYTES >> 20} MiB")
            names = half_done(self._files.read(_STATUS, _STATUS_BYTES).decode(errors="replace"))
            known = self._known = (mark, names)
        return known[1]

    def half_done_of(self, paths: Iterable[str]) -> str:
        """The package that dpkg left half done and that one of these files is of; empty when there is none."""
        wanted = {_merged(path) for path in paths}
        for name in self.half_configured():
            # The list of a package for several architectures has the name of one.
            lists = (entry for entry in self._files.entries(_INFO, _ENTRIES) if entry.endswith(".list"))
            for entry in (entry for entry in lists if entry.removesuffix(".list").partition(":")[0] == name):
                own = self._files.read(f"{_INFO}/{entry}", _LIST_BYTES).decode(errors="replace").splitlines()
                if wanted & {_merged(path) for path in own}:
                    return name
        return ""


def _merged(path: str) -> str:
    """/lib and /usr/lib are one directory by now, and packages name either."""
    return path.removeprefix("/usr") if path.startswith(("/usr/lib/", "/usr/bin/", "/usr/sbin/")) else path


def half_done(status: str) -> tuple[str, ...]:
    """The names in dpkg's status file whose third word of `Status:` is a state in between."""
    found = []
    name = ""
    for line in status.splitlines():
        if line.startswith("Package: "):
            name = line[9:].strip()
        elif line.startswith("Status: ") and line.split()[-1] in _HALF_DONE:
            found.append(name)
    return tuple(found)


def _who(pid: int) -> str:
    try:
        return f"pid {pid} ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8', errors='replace').strip()})" if pid else "somebody"
    except OSError:
        return f"pid {pid}"
