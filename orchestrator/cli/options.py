"""What every command has: `--config` (before or after its name), and for those that list, `--json`."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.store import Reader

_FILE, _CONFIG, _TO_LOOK, _BROKEN, _JSON = (f"{__name__}.{name}" for name in ("file", "config", "to-look", "broken", "json"))

NUMBER = click.IntRange(0, 2**63 - 1)
"""Of a row: a larger one no table knows."""

F = TypeVar("F", bound=Callable[..., Any])


def configured(command: F) -> F:
    """Add `--config FILE`; of several in one line, the last counts."""

    def remember(ctx: click.Context, option: click.Parameter, file: Path | None) -> None:
        del option
        if file is not None:
            ctx.meta[_FILE] = file

    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        callback=remember,
        expose_value=False,
        help="The configuration; default /etc/autonomous-orchestrator/config.toml, or your own in ~/.config.",
    )(command)


def listing(command: F) -> F:
    """Add `--config FILE` and `--json`."""

    def remember(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  # click calls it
        del option
        if wanted:
            ctx.meta[_JSON] = True

    return configured(
        click.option("--json", is_flag=True, callback=remember, expose_value=False, help="As JSON, with every field.")(command)
    )


def wants_json() -> bool:
    return bool(click.get_current_context().meta.get(_JSON))


def config_file() -> Path | None:
    """The file that was named; None is the default one."""
    named: Path | None = click.get_current_context().meta.get(_FILE)
    return named


def settings() -> "Config":
    """The configuration, read once. Raises ConfigError."""
    from orchestrator.config import load  # noqa: PLC0415

    meta = click.get_current_context().meta
    if _CONFIG not in meta:
        meta[_CONFIG] = load(config_file())
    config: Config = meta[_CONFIG]
    return config


def to_look() -> "Config":
    """The configuration, for who only looks: of one that is broken no more than where the state lies. Raises ConfigError.

    What is wrong ends the command when all is shown (`raise_broken`): the daemon, too, goes on with what it had before.
    """
    from orchestrator.config import ConfigError, load_daemon  # noqa: PLC0415

    meta = click.get_current_context().meta
    if _TO_LOOK not in meta:
        try:
            meta[_TO_LOOK] = settings()
        except ConfigError as broken:
            try:
                meta[_TO_LOOK], meta[_BROKEN] = load_daemon(config_file()), broken
            except ConfigError:
                raise broken from None
    config: Config = meta[_TO_LOOK]
    return config


def raise_broken(ctx: click.Context) -> None:
    """After a look. Raises ConfigError."""
    if broken := ctx.meta.get(_BROKEN):
        raise broken


def state_dir() -> Path:
    return Path(to_look().daemon.state_dir)


def beside_config(name: str) -> Path:
    """The operator's own folder beside the configuration."""
    from orchestrator.config import default_file  # noqa: PLC0415

    return (config_file() or default_file()).parent / name


def reader() -> "Reader":
    from orchestrator.store import Reader  # noqa: PLC0415

    return Reader(state_dir())


def actor() -> str:
    """Who decides, for the audit: the person behind sudo, else the user's name."""
    behind = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    if behind:
        return behind
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
