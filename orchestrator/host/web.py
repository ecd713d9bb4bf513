"""One HTTP request under one wall deadline: a server that sends a byte a second is as late as one that sends none."""

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from orchestrator.host.errors import Late
from orchestrator.host.helper import Helper

BODY_BYTES = 64 << 10
_USER_AGENT = "autonomous-orchestrator"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    """Its first 64 kB, where nothing else was asked for."""
    comes_back: bool = False
    """The server said when to ask again (Retry-After): it knows that it does not serve."""


def get(url: str, helper: Helper, timeout: float) -> Reply:
    """The answer. Redirects are not followed.

    Raises OSError (TimeoutError when late), HTTPException, Unavailable (the name could not be asked for). Certificates are not
    verified: a check of its own looks at them, and what listens here often shows its own.
    """
    deadline = time.monotonic() + timeout
    parts = urlsplit(url)
    with contextlib.closing(_connected(parts, helper, deadline)) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(_request(parts))
        return reply(connection, "GET", deadline)


def reply(connection: socket.socket, method: str, deadline: float, cap: int = BODY_BYTES) -> Reply:
    """What comes back on a connection after a request, as much of it as `cap`."""
    response = http.client.HTTPResponse(_Source(connection, deadline), method=method)  # type: ignore[arg-type]  # only makefile is used
    response.begin()
    return Reply(response.status, response.read(cap), response.getheader("Retry-After") is not None)


def connect(host: str, port: int, helper: Helper, deadline: float) -> socket.socket:
    """To the first address that accepts. The resolver has no deadline, so a name is asked in a helper."""
    failure: OSError = OSError(f"{host} has no address")
    for address in _addresses(host, helper, deadline):
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except TimeoutError:
            raise
        except OSError as error:
            failure = error
    raise failure


def _connected(parts: SplitResult, helper: Helper, deadline: float) -> socket.socket:
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    plain = connect(host, parts.port or (443 if secure else 80), helper, deadline)
    if not secure:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    wrapped = context.wrap_socket(plain, server_hostname=host or None, do_handshake_on_connect=False)
    try:
        wrapped.settimeout(_left(deadline))
        wrapped.do_handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def _addresses(host: str, helper: Helper, deadline: float) -> Iterator[str]:
    if host == "localhost":
        yield from ("127.0.0.1", "::1")
        return
    try:
        yield str(ipaddress.ip_address(host))
    except ValueError:
        yield from _resolved(host, helper, deadline)


def _resolved(host: str, helper: Helper, deadline: float) -> list[str]:
    """A resolver that hangs is as late as a server that does."""
    try:
        return list(helper.ask("resolve", host, _left(deadline)))
    except Late:
        raise TimeoutError from None


def _request(parts: SplitResult) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", f"User-Agent: {_USER_AGENT}", "Accept: */*", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii", "replace")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Source(io.RawIOBase):
    """What HTTPResponse takes for a socket: every single read has what is left of the time."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(memoryview(buffer))
