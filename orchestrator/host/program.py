"""Whether the kernel can run a file: what execve(2) looks at beyond the execute bit."""

import os
import re
from functools import cache
from pathlib import Path

from orchestrator.host.view import View

_HEAD_BYTES = 256
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_ELF = b"\x7fELF"
_MACHINE = slice(18, 20)
"""e_machine of an ELF header, elf(5)."""


def unusable_program(view: View, path: str) -> str:
    """Why the kernel would refuse to run this regular, executable file, in words; empty when it would not."""
    mount = view.mounts.of_path(os.path.realpath(path))
    if "noexec" in mount.options:
        return f"lies on {mount.point}, which is mounted noexec"
    head = view.files.read(path, _HEAD_BYTES)
    if head.startswith(b"#!"):
        return _unusable_interpreter(view, head)
    if not head:
        return "is empty"
    if _BINFMT.is_dir() and any(entry.name not in ("register", "status") for entry in _BINFMT.iterdir()):
        return ""  # the kernel was taught to run other kinds too
    if not head.startswith(_ELF):
        return "is neither a program nor a script that names its interpreter"
    return "" if not _own_machine() or head[_MACHINE] == _own_machine() else "was built for another kind of machine"


def _unusable_interpreter(view: View, head: bytes) -> str:
    interpreter = re.split(r"[ \t]", head[2:].split(b"\n")[0].decode(errors="replace").strip(" \t"), maxsplit=1)[0]
    if interpreter.endswith("\r"):
        return f"names its interpreter as {interpreter.strip()} with a carriage return behind it: it was saved with DOS line ends"
    state = view.files.look(interpreter, follow=True) if interpreter.startswith("/") else None
    if state is None:
        return f"names an interpreter that is not there: {interpreter or 'none'}"
    return "" if state.kind == "file" and state.mode & 0o111 else f"names an interpreter that cannot be executed: {interpreter}"


@cache
def _own_machine() -> bytes:
    """That of the program that runs this very line; empty where it cannot be read."""
    try:
        with Path("/proc/self/exe").open("rb") as file:
            return file.read(_HEAD_BYTES)[_MACHINE]
    except OSError:
        return b""
