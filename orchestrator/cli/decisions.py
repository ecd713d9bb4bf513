"""An act of a person, performed and told; and questions at the terminal."""

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import actor, settings
from orchestrator.cli.printing import say
from orchestrator.model import Json

if TYPE_CHECKING:
    from escalation.acts import Act, Done


def act(of: str, verb: str, number: int = 0, **said: object) -> int:
    """Do it, and say what came of it. Status 1 when the daemon refused; left for later is done."""
    return tell(perform(of, verb, number, said))


def perform(of: str, verb: str, number: int, said: Json) -> "Done":
    from escalation.operator import Operator  # noqa: PLC0415

    return Operator(config=settings(), actor=actor()).perform(made(of, verb, said), number)


def made(of: str, verb: str, said: Json) -> "Act":
    """The act, or what is wrong with what was said, as a usage error."""
    from pydantic import ValidationError  # noqa: PLC0415

    from escalation.acts import ACTS  # noqa: PLC0415

    try:
        return ACTS[of, verb].model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise click.UsageError(f"{where}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")) from None


def tell(done: "Done") -> int:
    say(f"{done.text}: {done.waits}" if done.waits else done.text, error=done.refused)
    return 1 if done.refused else 0


def sure(question: str, *, yes: bool, unasked: str) -> None:
    """Ask at a terminal, unless `--yes`; where there is none, refuse with `unasked`. A no ends the command with status 1."""
    if yes:
        return
    if not at_terminal():
        raise click.ClickException(unasked)
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was done")


def at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
