"""Maintenance: the daemon keeps its hands off while people work; and `retry`, when they are done."""

import time

import click

from orchestrator.cli.decisions import decide
from orchestrator.cli.options import configured, settings
from orchestrator.cli.when import DURATION


@click.command()
@click.argument("service", required=False, default="")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 30m, 2h, 1d. It always ends by itself.")
@click.option("--reason", required=True, help="What is going on, for whoever wonders.")
@configured
def pause(service: str, *, seconds: float, reason: str) -> int:
    """Hands off SERVICE, or the whole host.

    For a while that you name, while you work on it. SERVICE is a declared name, or a unit's full one.
    """
    return decide("pause", {"service": _named(service), "until": time.time() + seconds, "reason": reason})


@click.command()
@click.argument("service", required=False, default="")
@configured
def resume(service: str) -> int:
    """End the maintenance early."""
    return decide("resume", {"service": _named(service)})


@click.command()
@click.argument("incident", type=int, metavar="N")
@configured
def retry(incident: int) -> int:
    """Let the daemon try incident N anew."""
    return decide("retry", {"task_id": incident})


def _named(service: str) -> str:
    """As the daemon knows it: a mistyped name would be a maintenance of nothing."""
    from orchestrator.model import is_unit  # noqa: PLC0415

    if not service:
        return ""
    declared = settings().service_of(service)
    if declared:
        return declared.name
    if is_unit(service):
        return service
    raise click.BadParameter(f"{service!r} is neither declared in the configuration nor the full name of a unit (shop.service)")
