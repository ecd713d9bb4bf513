"""What systemd means by its exit statuses and results, as data: `exit_statuses.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """Where systemd failed before the program ran."""

    step: str
    about: str
    """Whose business it is: files, security or kernel."""
    means: str


def step(status: int) -> Step | None:
    """None for a status that is the program's own."""
    return _table()[0].get(status)


def result(name: str) -> str:
    """What a `Result=` means; empty for one that is not known."""
    return _table()[1].get(name, "")


@cache
def _table() -> tuple[dict[int, Step], dict[str, str]]:
    data = tomllib.loads(Path(__file__).with_name("exit_statuses.toml").read_text("utf-8"))
    return {int(number): Step(**row) for number, row in data["status"].items()}, data["result"]
