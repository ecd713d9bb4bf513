"""`hands serve` is the program that has the rights; systemd starts it from its socket."""

import os

import click

from orchestrator.cli.options import config_file, configured


@click.group()
@configured
def hands() -> None:
    """The small program that changes the host, where the daemon has no rights itself."""


@hands.command()
@configured
def serve() -> int:
    """Do what the daemon asks and the configuration allows, in the foreground; systemd runs it.

    It reads the configuration itself, and only where nobody but root can write it (exit status 78 otherwise).
    """
    from orchestrator.daemon.log import log_to_stderr  # noqa: PLC0415
    from orchestrator.hands.program import serve as run  # noqa: PLC0415

    log_to_stderr()
    os.umask(0o077)
    return run(config_file())
