"""A host's state as the daemon leaves it, and the command line on it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import click
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import main

ORCHESTRATOR = (sys.executable, "-m", "orchestrator")


class Call(Protocol):
    def __call__(self, *args: str, stdin: str | None = None) -> Result: ...


@pytest.fixture
def config_file(tmp_path: Path, state_dir: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(f'[daemon]\nstate_dir = "{state_dir}"\n[mail]\nenabled = false\n[[service]]\nname = "shop"\nunit = "shop.service"\n')
    return file


@pytest.fixture
def call(config_file: Path) -> Call:
    """Run a command on this state; what it printed to stdout and stderr is kept apart."""

    def run(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--config", str(config_file), *args], input=stdin)

    return run


def all_commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups too."""
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from all_commands(command, (*path, name))
