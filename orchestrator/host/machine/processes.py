"""Ends processes: asked first, then made to, and never one that merely has the same number."""

import os
import select
import signal
import time
from collections.abc import Iterable

from orchestrator.host.errors import ChangeFailed
from orchestrator.host.processes import Processes

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, for all of them together."""
LAST_SECONDS = 2.0


class ProcessChanges:
    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def end(self, wanted: Iterable[tuple[int, float]], grace: float = GRACE_SECONDS) -> int:
        """End each (pid, started_at) that still is that process; how many were ended.

        Raises ChangeFailed when one outlives SIGKILL (it hangs in the kernel), or is not ours to end.
        """
        living = self._open(wanted)
        count = len(living)
        try:
            for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, LAST_SECONDS)):
                for descriptor in living:
                    _send(descriptor, number)
                _wait(living, patience)
            if living:
                raise ChangeFailed(f"process {', '.join(map(str, living.values()))} did not end, not even by SIGKILL")
        finally:
            for descriptor in living:
                os.close(descriptor)
        return count

    def _open(self, wanted: Iterable[tuple[int, float]]) -> dict[int, int]:
        """{descriptor: pid}. The start time is compared after the descriptor is there: from then on the pid cannot be given again."""
        living: dict[int, int] = {}
        for pid, started_at in wanted:
            if pid <= 1 or pid in (os.getpid(), os.getppid()):
                raise ChangeFailed(f"process {pid} is not to be ended")
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            if self._processes.is_same(pid, started_at):
                living[descriptor] = pid
            else:
                os.close(descriptor)
        return living


def _send(descriptor: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ChangeFailed(f"a process could not be signalled: {error.strerror}") from None


def _wait(living: dict[int, int], seconds: float) -> None:
    """Until they have ended, or the time is over; closes and forgets those that ended."""
    ended = select.poll()
    for descriptor in living:
        ended.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + seconds
    while living and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in ended.poll(left * 1000):
            ended.unregister(descriptor)
            os.close(descriptor)
            del living[descriptor]
