"""Locks that this process holds by flock(2), and none of its children."""

import contextlib
import os

held: set[int] = set()
"""Descriptors: whoever locks one puts it here, and takes it out before it is closed."""


def _let_go_in_child() -> None:
    """A flock belongs to the open file, which a forked child shares: a helper that hangs would keep it for ever."""
    for descriptor in held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)
