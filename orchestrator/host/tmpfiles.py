"""Directories that the host itself declares (tmpfiles.d(5)): systemd makes them at boot, and nobody does after they were swept away."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.view import View

_FOLDERS = ("/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")
"""Of files with one name the first counts."""
_MAKES_DIRECTORY = frozenset("dDv")
_FILE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class DeclaredDirectory:
    path: str
    user: str
    """Empty where nobody is named: root."""


def missing_directories(view: View) -> tuple[DeclaredDirectory, ...]:
    """Those that are declared and not there. Raises Unavailable."""
    return tuple(entry for entry in declared_directories() if view.files.look(entry.path) is None)


def declared_directories() -> tuple[DeclaredDirectory, ...]:
    """All of them. Paths with specifiers (`%b`) are passed over. Raises Unavailable."""
    files: dict[str, Path] = {}
    for folder in map(Path, _FOLDERS):
        for path in sorted(folder.glob("*.conf")):
            files.setdefault(path.name, path)
    return tuple(entry for path in files.values() for entry in _entries(path))


def _entries(path: Path) -> list[DeclaredDirectory]:
    """Type, path, mode, user, group, age, argument."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_FILE_BYTES).splitlines()
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from None
    found = []
    for fields in (line.split() for line in lines):
        if len(fields) > 1 and fields[0][0] in _MAKES_DIRECTORY and "!" not in fields[0] and "%" not in fields[1]:
            user = fields[3].lstrip(":") if len(fields) > 3 and fields[3] != "-" else ""
            found.append(DeclaredDirectory(fields[1].rstrip("/"), user))
    return found
