"""The hands' own configuration: read from disk by themselves, and only where nobody but root can have written it."""

import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from orchestrator.config import DEFAULT_FILE, Config, ConfigError, load
from orchestrator.config.reading import imprint

log = logging.getLogger(__name__)


class Settings:
    """What counts now. A new configuration that cannot be used is told once, and the old one stays."""

    def __init__(self, file: Path | None) -> None:
        """Raises ConfigError."""
        self._named, self._main = file, (file or DEFAULT_FILE).absolute()
        self._guard = threading.Lock()
        self._trouble(self._main)
        self._imprint = imprint(self._main)
        self._config = load(self._named)

    def current(self) -> Config:
        """Raises ConfigError where somebody else can write it: what root has not said, nobody has."""
        with self._guard:
            self._trouble(self._main)
            if (seen := imprint(self._main)) != self._imprint:
                self._imprint = seen
                self._read_again()
            return self._config

    def _read_again(self) -> None:
        try:
            self._config = load(self._named)
            log.info("configuration read again")
        except ConfigError as error:
            log.error("configuration not read again, the old one stays: %s", error)  # noqa: TRY400  # an operator's mistake

    @staticmethod
    def _trouble(main: Path) -> None:
        if found := distrusted(main):
            raise ConfigError(found)


def distrusted(main: Path) -> str:
    """Why the hands refuse everything by this configuration, with the line that mends it; empty where nobody but root can write it."""
    return next((problem for path in _files(main) for problem in _writable(path)), "")


def _files(main: Path) -> Iterator[Path]:
    yield from (main, main.parent / "conf.d", *sorted((main.parent / "conf.d").glob("*.toml")))


def _writable(path: Path) -> Iterator[str]:
    """Why somebody else than root can change what is read at `path`: it, what it leads to, or a directory above either."""
    for way in dict.fromkeys((path, path.resolve())):
        for step, below in zip((way, *way.parents), (None, way, *way.parents), strict=False):
            try:
                found = step.lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                yield f"{step}: cannot be looked at: {error.strerror}"
                continue
            if found.st_uid != 0:
                yield f"{step}: belongs to uid {found.st_uid}, so the hands do not trust {path}: chown root:root {step}"
            elif _is_open(found) and not (found.st_mode & stat.S_ISVTX and below and os.path.lexists(below)):
                # In a directory like /tmp nobody moves what is there and root's; what is not there anybody can make.
                yield f"{step}: others than root can write it, so the hands do not trust {path}: chmod go-w {step}"


def _is_open(found: os.stat_result) -> bool:
    return not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & 0o022)
