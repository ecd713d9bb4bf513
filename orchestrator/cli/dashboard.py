"""`dashboard`: its own process, the link that lets a person in, and the tokens of programs."""

import os
import time

import click

from orchestrator.cli.at_the_door import mend, missed
from orchestrator.cli.options import NUMBER, actor, config_file, configured, listing, settings, state_dir, wants_json
from orchestrator.cli.printing import one_line, say, say_json, table
from orchestrator.store.times import ago


class _TryLater(click.ClickException):
    exit_code = os.EX_TEMPFAIL


@click.group()
@configured
def dashboard() -> None:
    """The pages and the API for people who watch this host."""


@dashboard.command()
@configured
def serve() -> None:
    """Run it in the foreground; systemd does."""
    config = settings()
    from dashboard.serving import serve as run  # noqa: PLC0415  # a process of its own pays for it alone
    from orchestrator.daemon.log import log_to_stderr  # noqa: PLC0415

    log_to_stderr()
    try:
        run(config, config_file())
    except OSError as error:
        raise _TryLater(f"{config.dashboard.host}:{config.dashboard.port} cannot be taken: {error.strerror}") from None


@dashboard.command()
@configured
def url() -> None:
    """Print a link that lets you in: once, within ten minutes, and in your name."""
    from escalation.doors import LINK_SECONDS, Doors  # noqa: PLC0415

    config = settings().dashboard
    with Doors(state_dir()) as doors:
        secret = doors.invite(actor())
    _vouch(secret, LINK_SECONDS)
    say(f"{config.address}/login?token={secret}")
    if why := missed(config):
        click.echo(f"{why} at {config.host}:{config.port} now: {mend(why, config)}", err=True)


@dashboard.group()
@configured
def token() -> None:
    """Tokens for programs that use the API."""


@token.command()
@click.argument("name")
@click.option("--read", "right", flag_value="read", help="May look at everything.")
@click.option("--write", "right", flag_value="write", help="May also do what a person may do.")
@click.option("--alerts", "right", flag_value="alerts", help="May hand in alerts, and nothing else: for Alertmanager.")
@configured
def create(name: str, right: str | None) -> None:
    """Make a token for NAME, and print it this once: only its digest is kept."""
    from escalation.doors import PREFIXES, Doors  # noqa: PLC0415

    if not one_line(name).strip():
        raise click.UsageError("NAME says whose it is: it must not be empty")
    found = next((kind for kind in PREFIXES if kind == right), None)
    if found is None:
        raise click.UsageError("say what it may do: --read, --write or --alerts")
    settings()  # one that is broken ends this before a token is made that nobody is shown
    with Doors(state_dir()) as doors:
        secret = doors.create_token(name, found, actor())
    if found == "write":
        _vouch(secret)
    say(secret)


@token.command("list")
@listing
def list_() -> None:
    """All tokens, without their secrets."""
    from escalation.doors import Doors  # noqa: PLC0415

    with Doors(state_dir()) as doors:
        found = doors.tokens()
    if wants_json():
        say_json([item.model_dump(mode="json") for item in found])
    elif not found:
        say("there is no token; `orchestrator dashboard token create NAME --read` makes one")
    else:
        heads = ("n", "name", "may", "made by", "made", "last used", "revoked")
        table(
            heads,
            [
                [item.id, item.name, item.right, item.made_by, *map(_when, (item.created_at, item.used_at, item.revoked_at))]
                for item in found
            ],
        )


@token.command()
@click.argument("number", type=NUMBER, metavar="N")
@configured
def revoke(number: int) -> None:
    """From now on token N opens nothing."""
    from escalation.doors import Doors  # noqa: PLC0415

    with Doors(state_dir()) as doors:
        gone = doors.revoke(number)
    say(f"token {gone.id} ({one_line(gone.name)}) opens nothing any more")


def _vouch(secret: str, seconds: float | None = None) -> None:
    """For the hands, who take an approval through no door that nobody told them of."""
    from escalation.allowing import HANDS_SOCKET, vouch  # noqa: PLC0415
    from escalation.doors import digest_of  # noqa: PLC0415

    if why := vouch(digest_of(secret), None if seconds is None else time.time() + seconds, settings()):
        click.echo(f"it lets look, and approve nothing, since the hands did not hear of it: {why}", err=True)
        click.echo(f"look with `systemctl status {HANDS_SOCKET}`, then make a new one", err=True)


def _when(at: str | None) -> str:
    return ago(at) if at else "-"
