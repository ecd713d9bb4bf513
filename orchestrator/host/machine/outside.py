"""Asks outside of the sandbox what would be answered falsely inside: each question runs as a unit of its own.

A service's own test needs its user, its network and its whole file system; a probe over the network needs one at all. For the
hands as a program of their own; where they and the brain are one process, children tell the truth.
"""

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from orchestrator.config import HttpProbe, TcpProbe
from orchestrator.host.commands import CommandResult
from orchestrator.host.errors import ChangeFailed
from orchestrator.host.machine.commands import Commands
from orchestrator.host.probes import EXITS, ProbeResult, describe
from orchestrator.host.runs import ours

_AT_ONCE = 4
"""One that hangs must not keep the others waiting; more at once would be a load of its own."""
_MARGIN_SECONDS = 5.0
"""For the start of a program that asks."""


class Outside:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    def __call__(self, argv: Sequence[str], *, timeout: float, user: str | None = None) -> CommandResult:
        """As `host.runs.Runs`, for any user: never raises."""
        with self._free:
            try:
                return self._commands.look(argv, user=user, timeout=timeout, name="question")
            except ChangeFailed as error:
                return CommandResult(exit=None, output=str(error))

    def may_be(self, user: str | None) -> bool:
        del user
        return True

    def probe(self, probe: HttpProbe | TcpProbe) -> ProbeResult:
        """As `View.probe`. By an ordinary user: what answers may be hostile. One that needs a password cannot be asked: it would show."""
        words = describe(probe)
        if isinstance(probe, HttpProbe) and "@" in urlsplit(probe.http).netloc:
            return _blind(words, "it needs a password")
        result = self(
            [*ours("orchestrator.host.asking"), probe.model_dump_json()], timeout=probe.timeout_seconds + _MARGIN_SECONDS, user="nobody"
        )
        failure = EXITS.get(result.exit or 0, "")
        if not failure and not result.ok:
            return _blind(words, result.output[-300:] or "it was not asked in time")
        detail = (result.output.strip().splitlines() or [failure])[-1] if failure else ""
        return ProbeResult(words, not failure, detail, failure, result.seconds, failure == "blind")


def _blind(words: str, why: str) -> ProbeResult:
    return ProbeResult(words, ok=False, detail=why, failure="blind", blind=True)
