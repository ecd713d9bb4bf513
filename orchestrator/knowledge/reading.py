"""The data files that an operator wrote, and what is wrong with one of them, in words."""

import os
from pathlib import Path

from pydantic import ValidationError


def own_files(folder: Path | None) -> list[Path]:
    """In the order of their names. Raises OSError: a folder that cannot be listed is not an empty one, and a pipe is no file."""
    if folder is None or not folder.is_dir():
        return []
    found = [folder / name for name in sorted(os.listdir(folder)) if name.endswith(".toml") and not name.startswith(".")]  # noqa: PTH208  # a glob is silent about what it may not list
    if strange := [path for path in found if not path.is_file()]:
        raise FileNotFoundError(0, "is no file", str(strange[0]))
    return found


def problems(error: ValidationError) -> str:
    """Every problem with its place, on one line."""
    return "; ".join(_problem(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors())


def _problem(place: str, what: str) -> str:
    """What we found ourselves says its place itself."""
    own = what.removeprefix("Value error, ")
    return own if own != what and not place else f"{place or 'the whole'}: {own}"
