"""`run` is the daemon; `check-config` is what it would say of its configuration."""

import click

from orchestrator.cli.options import beside_config, config_file, configured, settings
from orchestrator.cli.printing import one_line, say


@click.command()
@click.option("--once", is_flag=True, help="One full cycle: every case ended or waiting, the outbox tried; then exit.")
@click.option("--dry-run", is_flag=True, help="Record what it would do, and do nothing (mode suggest).")
@configured
def run(*, once: bool, dry_run: bool) -> int:
    """Run the daemon in the foreground; systemd does."""
    config = settings()  # a configuration that cannot be used ends the program before the daemon's modules are loaded
    from orchestrator.daemon.start import run as run_daemon  # noqa: PLC0415

    return run_daemon(config, config_file=config_file(), once=once, dry_run=dry_run)


@click.command()
@configured
def check_config() -> None:
    """Whether the configuration can be used.

    It also says what the configuration names and this host lacks.

    That is a warning and exit status 0: the daemon runs, and reports it as a fault. Errors are exit status 78.
    """
    config = settings()
    from orchestrator.cli.naming import missing  # noqa: PLC0415
    from orchestrator.config import default_file  # noqa: PLC0415
    from orchestrator.hands.settings import distrusted  # noqa: PLC0415
    from orchestrator.knowledge import experts, runbooks  # noqa: PLC0415

    books, roster = runbooks.load(beside_config("runbooks.d")), experts.load(beside_config("experts.d"))
    refused = distrusted((config_file() or default_file()).absolute()) if config.hands.socket else ""
    for line in (*([refused] if refused else []), *missing(config)):
        say(f"warning: {one_line(line)}", style="yellow", error=True)
    counts = (
        (len(config.service), "service"), (len(config.command), "command"), (len(config.path), "path"), (len(config.disk), "disk"),
        (len(config.certificate), "certificate"), (len(config.log), "log rule"), (len(books), "runbook"), (len(roster), "expert"),
    )  # fmt: skip
    told = ", ".join(f"{n} {what}{'s' if n != 1 else ''}" for n, what in counts if n)
    if config.agents.model and not config.agents.models:
        say('warning: [agents] model is set, and no backend: backend = "..." names who is asked', style="yellow", error=True)
    models = ", ".join(one_line(f"{one.model} by {one.backend}") for one in config.agents.models) or "no model"
    say(f"ok: mode {config.daemon.mode}, state in {config.daemon.state_dir}; {told}; {models}", style="green")
