"""Runs a program to its end or to its deadline: for probes and for reads. Nothing here is meant to change the host."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandResult:
    exit: int | None
    """The exit status; -n when signal n killed it; None when it could not be started or ran out of time."""
    output: str
    """stdout and stderr together, at most 20 kB: the beginning and the end."""
    timed_out: bool = False
    seconds: float = 0.0


def run(argv: Sequence[str], *, timeout: float, user: str | None = None) -> CommandResult:
    """Run argv in a session of its own, without input; at the deadline the whole group is killed. Never raises for the program."""
    raise NotImplementedError
