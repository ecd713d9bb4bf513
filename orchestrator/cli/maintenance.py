"""Maintenance: the daemon keeps its hands off while people work; and `retry`, when they are done."""

from typing import Any

import click

from orchestrator.cli.decisions import act
from orchestrator.cli.options import configured
from orchestrator.cli.when import DURATION


@click.command()
@click.argument("service", required=False, default="")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d. It always ends by itself.")
@click.option("--reason", required=True, help="What is going on, for whoever wonders.")
@click.option("--in", "begins_in", type=DURATION, default=0.0, help="Begin later.")
@configured
def pause(service: str, *, seconds: float, reason: str, begins_in: float) -> int:
    """Hands off SERVICE, or the whole host.

    For a while that you name, while you work on it. SERVICE is a declared name, or a unit's full one.
    """
    return _named("pause", service=service, seconds=seconds, begins_in=begins_in, reason=reason)


@click.command()
@click.argument("service", required=False, default="")
@configured
def resume(service: str) -> int:
    """End the maintenance early."""
    return _named("resume", service=service)


@click.command()
@click.argument("incident", type=int, metavar="N")
@configured
def retry(incident: int) -> int:
    """Let the daemon try incident N anew."""
    return act("incident", "retry", incident)


def _named(verb: str, **said: Any) -> int:
    from escalation.acts import Unknown  # noqa: PLC0415

    try:
        return act("host", verb, **said)
    except Unknown as mistyped:
        raise click.BadParameter(str(mistyped)) from None
