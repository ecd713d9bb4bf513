"""The key of a backend: a file for its owner alone. It is read here, and is in no configuration, no argument and no environment."""

import os
import pwd
import shlex
import stat
from contextlib import suppress

from phases.backends.words import Failed

_MOST_BYTES = 16_384
_CREDENTIALS = "/run/credentials/"
"""systemd's own, and nobody else's to write."""


def read(file: str) -> str:
    """Empty without a file. Raises Failed."""
    if not file:
        return ""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    except OSError as error:
        mend = owned(file, 600) if isinstance(error, PermissionError) else f"ls -l {shlex.quote(file)}"
        raise Failed("misconfigured", f"the key cannot be read: {error.strerror}: {file}", mend=mend) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failed("misconfigured", f"{file} is no file", mend=f"ls -ld {shlex.quote(file)}")
    with open(descriptor, "rb") as opened:  # noqa: PTH123  # it is open already
        # A credential may show a group's bits: systemd's list of who may read it.
        if not file.startswith(_CREDENTIALS) and (why := private(os.fstat(descriptor))):
            raise Failed("misconfigured", f"{file} {why}", mend=owned(file, 600))
        key = opened.read(_MOST_BYTES).decode("ascii", "replace").strip()
    if not key or not key.isprintable() or not key.isascii() or " " in key:
        raise Failed("misconfigured", f"{file} holds no key: one line without a space", mend=f"wc {shlex.quote(file)}")
    return key


def owned(path: str, mode: int) -> str:
    """The line that makes it the daemon's alone."""
    user = str(os.geteuid())
    with suppress(KeyError):
        user = pwd.getpwuid(os.geteuid()).pw_name
    return f"chown {user}: {shlex.quote(path)} && chmod {mode} {shlex.quote(path)}"


def private(about: os.stat_result, kind: int = stat.S_IFREG) -> str:
    """What is wrong with it; empty when it belongs to root or to us, and to nobody else."""
    if stat.S_IFMT(about.st_mode) != kind:
        return "is no file" if kind == stat.S_IFREG else "is no directory"
    if about.st_uid not in (0, os.geteuid()):
        return "belongs to somebody else"
    if about.st_mode & 0o077:
        return f"may be read by others (mode {stat.S_IMODE(about.st_mode):04o})"
    return ""
