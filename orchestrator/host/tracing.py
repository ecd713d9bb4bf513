"""What /proc tells of a process only to who may trace it: where its links lead, and what it has open.

What has ended meanwhile is nothing. What may not be read raises PermissionError, so that whoever may is asked; but not for root:
nobody on this host is above him, and what the kernel keeps even from root (a process outside of a sandbox that all this runs in)
is no part of this host.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def passing() -> Iterator[None]:
    """Goes on after a process that ended, or changed while it was read."""
    try:
        yield
    except PermissionError:
        if os.geteuid():
            raise
    except (OSError, ValueError, IndexError):
        pass


def link(path: str) -> str:
    """Where it leads; empty for nowhere."""
    try:
        return os.readlink(path)  # noqa: PTH115  # names of the kernel's, thousands of them
    except PermissionError:
        if os.geteuid():
            raise
    except OSError:
        pass
    return ""


def names(path: str) -> list[str]:
    """What is in a directory of /proc."""
    try:
        return os.listdir(path)  # noqa: PTH208  # names alone
    except PermissionError:
        if os.geteuid():
            raise
    except OSError:
        pass
    return []


def socket_of(path: str) -> int:
    """The inode of the socket that a descriptor leads to; 0 for anything else."""
    target = link(path)
    return int(target.removeprefix("socket:[").rstrip("]")) if target.startswith("socket:[") else 0
