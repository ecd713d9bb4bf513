"""The configuration files, merged and parsed; a problem is told with its file and key."""

import contextlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.config.config import Config
from orchestrator.config.places import config_home
from orchestrator.config.tables import Daemon

DEFAULT_FILE = Path("/etc/autonomous-orchestrator/config.toml")
_OF_USER = "autonomous-orchestrator/config.toml"
_SECRET = re.compile(r"(://)[^/\s'\"]*@|(://[^\s'\"?]*\?)[^\s'\"]*")
"""In a URL: what stands before its host, or after its path."""


class ConfigError(Exception):
    """A configuration that cannot be used: each problem says file, key, and what was expected. Exit status 78."""


def default_file() -> Path:
    """The host's; for a user who has installed it for himself, his own."""
    if os.geteuid() == 0:
        return DEFAULT_FILE
    own = config_home() / _OF_USER
    return own if own.is_file() else DEFAULT_FILE


def load(file: Path | None = None) -> Config:
    """The configuration: `file`, or the default one if it exists, then `conf.d/*.toml` beside it.

    Tables merge, arrays of tables append. Raises ConfigError; a file that was named must exist.
    """
    main = file or default_file()
    merged: dict[str, Any] = {}
    owner: dict[str, Path] = {}
    for path in _files(main, required=file is not None):
        for key, value in _read(path).items():
            _merge(merged, key, value, path, owner)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, owner, main))) from None


def load_daemon(file: Path | None = None) -> Config:
    """Of files that cannot be used as a whole what [daemon] says, as far as that can: enough to find what the daemon has written.

    Nothing is to be done by it. Raises ConfigError where one cannot be read at all, or no daemon has written there.
    """
    usable: dict[str, Any] = {}
    for path in _files(file or default_file(), required=file is not None):
        table = _read(path).get("daemon", {})
        for name, value in table.items() if isinstance(table, dict) else ():
            try:
                usable = Daemon.model_validate({**usable, name: value}).model_dump(exclude_unset=True)
            except ValidationError:
                if name == "state_dir":
                    raise ConfigError(f"{path}: [daemon] state_dir: {value!r} is no place where the state can lie") from None
    config = Config(daemon=Daemon.model_validate(usable))
    if not Path(config.daemon.state_dir, "tasks.db").exists():  # "nothing waits" would be said of another place than the one that is meant
        raise ConfigError(f"{config.daemon.state_dir}: no daemon has run there")
    return config


def imprint(main: Path) -> tuple[tuple[Path, int, int, int], ...]:
    """Another one when one of its files was changed, came or went."""
    found = []
    for path in (main, *sorted((main.parent / "conf.d").glob("*.toml"))):
        with contextlib.suppress(OSError):
            state = path.stat()
            found.append((path, state.st_ino, state.st_mtime_ns, state.st_size))
    return tuple(found)


def _files(main: Path, *, required: bool) -> Iterator[Path]:
    try:
        present = main.is_file()
        if required and not present:
            raise ConfigError(f"{main}: no such file; name one that exists, or leave --config away for {default_file()}")
        if present:
            yield main
        yield from sorted((main.parent / "conf.d").glob("*.toml"))
    except OSError as error:
        raise ConfigError(f"{main}: cannot be read: {error.strerror}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None


def _merge(merged: dict[str, Any], key: str, value: object, path: Path, owner: dict[str, Path]) -> None:
    if isinstance(value, dict):
        table = merged.setdefault(key, {})
        for name in value:
            if isinstance(table, dict) and name in table:
                raise ConfigError(f"{path}: [{key}] {name} is already set in {owner[f'{key}.{name}']}; set it once")
            owner[f"{key}.{name}"] = path
        if isinstance(table, dict):
            table.update(value)
    elif isinstance(value, list):
        rows = merged.setdefault(key, [])
        for number in range(len(rows), len(rows) + len(value)):
            owner[f"{key}.{number}"] = path
        rows.extend(value)
    else:
        owner[key] = path
        merged[key] = value


def _explain(error: ValidationError, owner: dict[str, Path], main: Path) -> Iterator[str]:
    """One line a problem: file, key, what was expected, what was there."""
    for problem in error.errors():
        where = [str(part) for part in problem["loc"] if str(part) not in ("HttpProbe", "TcpProbe", "FileProbe", "CommandProbe")]
        path = owner.get(".".join(where[:2])) or owner.get(where[0] if where else "", main)
        key = ".".join(where) or "(whole file)"
        if problem["type"] == "extra_forbidden":
            yield f"{path}: {key}: unknown key; remove it, or see the configuration in README.md for the right name"
        else:
            given = problem["input"]
            shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
            told = _expected(problem["msg"].removeprefix("Value error, ")) + shown
            yield f"{path}: {key}: {_SECRET.sub(lambda found: f'{found[1] or found[2]}[masked]', told)}"


def _expected(told: str) -> str:
    """A path's pattern says less to people than what it means."""
    return "an absolute path is expected, as in '/etc/shop.conf'" if told.startswith("String should match pattern '^/") else told
