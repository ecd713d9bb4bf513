"""Runs commands as whom they are meant for: a service's own test, a probe, a look through somebody else's eyes.

As a child where this process is that user or may become it. Else whoever has the rights is asked, who knows the command by his own
configuration: what an ordinary user's `nginx -t` says of a key that he may not read is no word about the configuration (law 1).
"""

import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from orchestrator.host.commands import CommandResult, run
from orchestrator.host.rights import Own, Rights

_PACKAGE = Path(__file__).parents[2]


def ours(module: str) -> list[str]:
    """How a module of ours runs as a program of its own, whoever runs it and wherever."""
    return ["/usr/bin/env", f"PYTHONPATH={_PACKAGE}", sys.executable, "-P", "-s", "-m", module]


class Runs(Protocol):
    def __call__(self, argv: Sequence[str], *, timeout: float, user: str | None = None) -> CommandResult:
        """Run argv to its end as `user`, root where nobody is named; as `host.commands.run`. Raises Unavailable when nobody may."""

    def may_be(self, user: str | None) -> bool:
        """Whether it is done here; else it has to be one of the commands that others know by their own configuration."""


class Children:
    """As children of this process. `nobodys`: as whom a command runs that names no user; in user mode that is the user."""

    def __init__(self, rights: Rights | None = None, nobodys: str = "root") -> None:
        self._rights, self._nobodys = rights or Own(), nobodys

    def __call__(self, argv: Sequence[str], *, timeout: float, user: str | None = None) -> CommandResult:
        if self.may_be(user):
            return run(argv, timeout=timeout, user=user)
        return CommandResult(**self._rights.ask("command", argv=list(argv), user=user or ""))

    def may_be(self, user: str | None) -> bool:
        return os.geteuid() == 0 or _is_own(user or self._nobodys)


def _is_own(user: str) -> bool:
    """A name that nobody has is left to the run itself, which says so."""
    try:
        return pwd.getpwnam(user).pw_uid == os.geteuid()
    except KeyError:
        return True
