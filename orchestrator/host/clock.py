"""The clock of this host: whether the kernel holds it for synchronised. It is read here, and never set."""

import ctypes
import errno
import os
import struct
import time

from orchestrator.host.errors import Unavailable
from orchestrator.host.rights import Own, Rights

_TIMEX_BYTES = 256
"""struct timex of the kernel is 208 bytes; with `modes` 0 it is only filled."""
_MAX_ERROR = struct.Struct("@iqqqq")
"""modes, offset, frequency, greatest error, estimated error: linux/timex.h."""
_UNKNOWN_MICROSECONDS = 16_000_000
"""The greatest error that the kernel counts: nine hours without a word of a time server. timedatectl's own rule."""


class Clock:
    def __init__(self, rights: Rights | None = None) -> None:
        self._rights = rights or Own()
        self._offset = _offset()
        self.was_synchronised = False
        """Whether it was, at any look of this process."""

    def synchronised(self) -> bool:
        """Whether a time server's word still counts. Raises Unavailable."""
        kept = kept_by_the_kernel()
        if kept is None:  # a sandbox lets nobody near the clock
            kept = bool(self._rights.ask("clock_kept"))
        self.was_synchronised |= kept
        return kept

    def stepped(self) -> float:
        """Seconds by which the clock was set since this host is watched; a suspended host's sleep is no step."""
        return _offset() - self._offset


def kept_by_the_kernel() -> bool | None:
    """None: this process may not ask. Raises Unavailable."""
    libc = ctypes.CDLL(None, use_errno=True)
    filled = ctypes.create_string_buffer(_TIMEX_BYTES)
    if libc.adjtimex(filled) >= 0:
        return int(_MAX_ERROR.unpack_from(filled.raw)[3]) < _UNKNOWN_MICROSECONDS
    if ctypes.get_errno() == errno.EPERM:
        return None
    raise Unavailable(f"the kernel does not tell how its clock is kept: {os.strerror(ctypes.get_errno())}")


def _offset() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
