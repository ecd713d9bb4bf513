"""Speaks with a container engine through its Docker-compatible API on a unix socket: one request, one answer, one deadline.

A client of our own, of two dozen lines: the engines' libraries are 10 MB and more in memory, for four questions.
"""

import contextlib
import http.client
import json
import socket
import stat
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from orchestrator.host import web
from orchestrator.host.errors import Unavailable

ASK_SECONDS = 8.0
"""Podman's service is started by its socket, and reads the journal for events."""
_ANSWER_BYTES = 8 << 20
_VERSION = "/v1.40"
"""Docker 19.03 and Podman 3 speak it, and all that came after them until now."""


class Closed(Unavailable):
    """This process may not speak with the engine, or not even see whether it is there."""


def there(path: str) -> bool:
    """Whether such a socket is there: one question to the kernel, which is all that a host without containers costs. Raises Closed."""
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except PermissionError:
        raise Closed(f"{path} may not be looked at") from None
    except OSError:
        return False


def ask(engine: str, path: str, **query: str) -> Any:
    """The answer as plain data; several objects, one a line, as a list. None where there is no such thing. Raises Unavailable."""
    status, body = request(engine, "GET", path, ASK_SECONDS, **query)
    if status == http.client.NOT_FOUND:
        return None
    if status != http.client.OK:
        raise Unavailable(f"{engine} answers {status} to {path}: {said(body)}")
    try:
        return [json.loads(line) for line in body.splitlines() if line.strip()] if path == "/events" else json.loads(body)
    except ValueError:
        raise Unavailable(f"{engine} gives no usable answer to {path}") from None


def request(engine: str, method: str, path: str, timeout: float, **query: str) -> tuple[int, bytes]:
    """Status and body. Raises Unavailable when there is no answer in time."""
    deadline = time.monotonic() + timeout
    target = _VERSION + path + (f"?{urlencode(query)}" if query else "")
    lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Content-Length: 0", "Connection: close", "", "")
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)) as connection:
            connection.settimeout(timeout)
            connection.connect(engine)
            connection.sendall("\r\n".join(lines).encode())
            reply = web.reply(connection, method, deadline, _ANSWER_BYTES)
    except PermissionError as error:
        raise Closed(f"{engine} may not be spoken with: {error.strerror}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{engine} does not answer: {error or type(error).__name__}") from None
    return reply.status, reply.body


def said(body: bytes) -> str:
    """An engine's own words about what it refused."""
    try:
        words = json.loads(body)
        return str(words.get("cause") or words.get("message") or words)[:300]
    except (ValueError, AttributeError):
        return body[:300].decode(errors="replace")
