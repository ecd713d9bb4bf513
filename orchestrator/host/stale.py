"""Whether a pid, lock or socket file is stale: nobody stands behind it any more. A lock can be a directory: mkdir(1) is the shell's lock.

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
from orchestrator.host.runs_elsewhere import is_another_units, runs_elsewhere
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_CONTENT_BYTES = 4096
_SECONDS = 1.0
"""How exactly a start time and a file's time can be compared: clock ticks, and coarse times of file systems."""
_PID = re.compile(rb"\s*(\d{1,10})\b")
_LOCK_NAME = re.compile(r"(^|[._-])(lock|lck)$|^LCK\.\.", re.IGNORECASE)


def kind_of(path: str, state: FileState, *, pid_file: bool = False) -> str:
    """Is it a pid, lock or socket file, or a lock directory, by its type and name? Else empty. `pid_file`: it is declared as one."""
    name = PurePosixPath(path).name
    if state.kind == "socket":
        return "socket"
    if state.kind == "dir":
        return "lock directory" if _LOCK_NAME.search(name) else ""
    if state.kind != "file" or state.size > _CONTENT_BYTES:
        return ""
    if pid_file or name.endswith(".pid"):
        return "pid"
    return "lock" if _LOCK_NAME.search(name) else ""


def not_stale(view: View, path: str, kind: str, state: FileState, unit: Unit | None, *, own: bool = True) -> str:
    """Why the file of the unit, or of a service without one, is not proved stale; empty when it is. Raises Unavailable.

    `own`: it lies where it can only be this one's. Else another unit's main process that it names may well have written it.
    """
    if kind == "socket":
        return refuses(view, path)
    if kind == "lock directory":
        return _directory(view, path, unit, own=own)
    return _named_process(view, path, kind, state, unit, own=own)


def refuses(view: View, path: str, at: str = "") -> str:
    """Refused is the only answer that proves it: a listener in another network namespace is in no list of ours.

    `at`: another name of the same file, that nobody can exchange meanwhile.
    """
    if any(listener.path == path for listener in view.sockets.unix()):
        return f"somebody listens on {path}"
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)  # noqa: FBT003  # socket's own word
        try:
            client.connect(at or path)
        except PermissionError:
            return str(view.rights.ask("refuses", path=path))
        except OSError as error:
            return "" if error.errno == errno.ECONNREFUSED else f"{path} does not refuse a connection: {error.strerror}"
    return f"somebody listens on {path}"


def _directory(view: View, path: str, unit: Unit | None, *, own: bool) -> str:
    """It holds nothing, or the number of its process alone: whatever else lies there is somebody's data."""
    names = view.files.entries(path, cap=2)
    if not names:
        return _run_by_hand(view, path, unit) if unit else f"{path} names no process, and nothing tells whose it could be"
    inner = f"{path}/{names[0]}"
    state = view.files.look(inner)
    if len(names) > 1 or state is None or state.kind != "file" or state.size > _CONTENT_BYTES:
        return f"{path} holds more than the number of a process"
    return _named_process(view, inner, "pid", state, unit, own=own)


def _run_by_hand(view: View, path: str, unit: Unit | None) -> str:
    """A lock that names nobody is anybody's who runs the same program."""
    for run in runs_elsewhere(view, unit) if unit else ():
        if not is_another_units(view, run.process):
            return f"process {run.process.pid} runs {run.program} too, and {path} may be its lock"
    return ""


def _named_process(view: View, path: str, kind: str, state: FileState, unit: Unit | None, *, own: bool) -> str:
    holder = view.files.lock_holder(path)
    if holder is not None:
        return f"process {holder or 'somebody'} holds a lock on {path}"
    content = view.files.read(path, _CONTENT_BYTES)
    named = _PID.match(content)
    if named is None:
        return f"{path} names no process" if kind == "pid" and content.strip() else _run_by_hand(view, path, unit)
    process = view.processes.get(int(named[1]))
    if process is None or _is_stranger(view, process, state, own=own):
        return ""
    return f"process {process.pid} ({process.comm}), which {path} names, lives"


def _is_stranger(view: View, process: Process, state: FileState, *, own: bool) -> bool:
    """A process that began after the file was written got the number later; one that is another unit's main one never wrote our own.

    A daemon that a person started by hand is neither: its file is good.
    """
    if process.state == "Z" or not process.has_program or process.started_at > state.mtime + _SECONDS:
        return True
    if not own:
        return False
    try:
        return is_another_units(view, process)
    except Unavailable:
        return False
