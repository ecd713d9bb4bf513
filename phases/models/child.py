"""The daemon's side of a call: a short-lived child that knows the backend's library, and a deadline that holds whatever it does."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, BinaryIO, cast

from pydantic import TypeAdapter, ValidationError

from escalation.text import one_line
from orchestrator.store import mask
from phases.models.words import FailureKind, ModelFailed, Reply, Request, Usage

_HERE = Path(__file__).parents[2]
"""Where this package was imported from."""
_MOST_BYTES = 2 << 20
"""Of its answer; it reads half of that from the network, and escapes what is not ASCII."""
_COMPLAINT_BYTES = 4096
_REASON_CHARACTERS = 400
_KEPT = (
    *("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "PYTHONDONTWRITEBYTECODE"),
    *("HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"),
)
"""Of the environment: what a program needs to reach the network. Nothing of what systemd gave the daemon, and no key."""


_under_way: set[int] = set()
_lock = threading.Lock()


class _Failure(Usage):
    """The line of a call that brought no answer."""

    failed: FailureKind
    reason: str
    mend: str = ""


_LINE: TypeAdapter[Reply | _Failure] = TypeAdapter(Reply | _Failure)


def ask(request: Request) -> Reply:
    """Raises ModelFailed."""
    deadline = time.monotonic() + request.seconds
    try:
        with tempfile.TemporaryDirectory(prefix="orchestrator-model-", ignore_cleanup_errors=True) as folder:
            said, complaint = _run(request, folder, deadline)
    except OSError as error:
        raise ModelFailed("unreachable", f"its child could not be started: {error}") from error
    return _reply(said, complaint)


def _run(request: Request, folder: str, deadline: float) -> tuple[bytes, bytes]:
    """What the child wrote, and what it complained of. When this returns, nothing of it is left running."""
    # `-m` looks for modules where it is called first, and -P forbids that.
    command = [sys.executable, "-P", "-s", "-m", "phases.backends"]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"HOME": folder, "TMPDIR": folder, "PYTHONPATH": str(_HERE)}
    with (
        _as_file(request) as question,
        subprocess.Popen(command, stdin=question, stdout=PIPE, stderr=PIPE, cwd=folder, env=environment, start_new_session=True) as child,
    ):
        with _lock:
            _under_way.add(child.pid)
        try:
            return _listen(cast("IO[bytes]", child.stdout), cast("IO[bytes]", child.stderr), deadline)
        finally:
            with _lock:  # before it is waited for: until then its number is nobody else's
                _under_way.discard(child.pid)
                _end(child.pid)


def stop() -> None:
    """End what is under way, in whichever thread: who waits for it hears that it failed."""
    with _lock:
        for number in _under_way:
            _end(number)


def _end(number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def _as_file(request: Request) -> BinaryIO:
    """In memory; a pipe could be full, and we would wait for a child that does not read."""
    file = open(os.memfd_create("question"), "w+b")  # noqa: PTH123, SIM115  # the caller closes it
    file.write(json.dumps(request.model_dump(), ensure_ascii=False).encode(errors="replace"))
    file.seek(0)
    return file


def _listen(out: IO[bytes], err: IO[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Until it has said all, or too much, or the time is over. Raises ModelFailed."""
    said, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(out, selectors.EVENT_READ, said)
        ready.register(err, selectors.EVENT_READ, complaint)
        while out in {key.fileobj for key in ready.get_map().values()}:
            if (left := deadline - time.monotonic()) <= 0:
                raise ModelFailed("late", "it did not answer in time")
            for key, _ in ready.select(left):
                if not (part := os.read(key.fd, 65_536)):
                    ready.unregister(key.fileobj)
                key.data.extend(part)
            if len(said) > _MOST_BYTES:
                raise ModelFailed("cut", f"it said more than {_MOST_BYTES >> 10} KiB")
            del complaint[:-_COMPLAINT_BYTES]
    return bytes(said), bytes(complaint)


def _reply(said: bytes, complaint: bytes) -> Reply:
    """Raises ModelFailed."""
    try:
        reply = _LINE.validate_json(said)
    except ValidationError as error:
        why = _told(complaint.decode(errors="replace").strip().rpartition("\n")[2]) or "nothing"
        raise ModelFailed("garbage", f"its child ended without an answer, and said: {why}") from error
    if isinstance(reply, _Failure):
        used = (
            Usage.model_validate(reply.model_dump(include=set(Usage.model_fields)))
            if Usage.model_fields.keys() & reply.model_fields_set
            else None
        )
        raise ModelFailed(reply.failed, _told(reply.reason), mend=reply.mend, used=used)
    return reply


def _told(text: str) -> str:
    return one_line(mask(text), _REASON_CHARACTERS)
