"""Whether a pid, lock or socket file is stale: nobody stands behind it any more.

The file itself proves nothing: a lock file without a lock is none, and a pid is given again to strangers. Only for a
service that is down: what lives in its own cgroup its caller has asked about before.
"""

import errno
import re
import socket
from pathlib import PurePosixPath

from orchestrator.host.errors import Unavailable
from orchestrator.host.files import FileState
from orchestrator.host.processes import Process
from orchestrator.host.view import View
from orchestrator.model import is_unit

_CONTENT_BYTES = 4096
_SECONDS = 1.0
"""How exactly a start time and a file's time can be compared: clock ticks, and coarse times of file systems."""
_PID = re.compile(rb"\s*(\d{1,10})\b")
_LOCK_NAME = re.compile(r"(^|[._-])(lock|lck)$|^LCK\.\.", re.IGNORECASE)


def kind_of(path: str, state: FileState, *, pid_file: bool = False) -> str:
    """Is it a pid, lock or socket file, by its type and name? Empty for anything else. `pid_file`: it is declared as one."""
    name = PurePosixPath(path).name
    if state.kind == "socket":
        return "socket"
    if state.kind != "file" or state.size > _CONTENT_BYTES:
        return ""
    if pid_file or name.endswith(".pid"):
        return "pid"
    return "lock" if _LOCK_NAME.search(name) else ""


def not_stale(view: View, path: str, kind: str, state: FileState) -> str:
    """Why the file is not proved stale; empty when it is. Raises Unavailable."""
    return _socket(view, path) if kind == "socket" else _named_process(view, path, kind, state)


def _socket(view: View, path: str) -> str:
    """Refused is the only answer that proves it: a listener in another network namespace is in no list of ours."""
    if any(listener.path == path for listener in view.sockets.listeners()):
        return f"somebody listens on {path}"
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)  # noqa: FBT003  # socket's own word
        try:
            client.connect(path)
        except OSError as error:
            return "" if error.errno == errno.ECONNREFUSED else f"{path} does not refuse a connection: {error.strerror}"
    return f"somebody listens on {path}"


def _named_process(view: View, path: str, kind: str, state: FileState) -> str:
    holder = view.files.lock_holder(path)
    if holder is not None:
        return f"process {holder or 'somebody'} holds a lock on {path}"
    content = view.files.read(path, _CONTENT_BYTES)
    named = _PID.match(content)
    if named is None:
        return f"{path} names no process" if kind == "pid" and content.strip() else ""
    process = view.processes.get(int(named[1]))
    if process is None or _is_stranger(view, process, state):
        return ""
    return f"process {process.pid} ({process.comm}), which {path} names, lives"


def _is_stranger(view: View, process: Process, state: FileState) -> bool:
    """A process that began after the file was written got the number later; one that is another unit's main one never wrote it.

    A daemon that a person started by hand is neither: its file is good.
    """
    if process.state == "Z" or not process.exe or process.started_at > state.mtime + _SECONDS:
        return True
    if not is_unit(process.unit):
        return False
    try:
        return view.units.get(process.unit).main_pid == process.pid
    except Unavailable:
        return False
