"""Frames: one request a line of JSON, one answer a line, and a connection for each pair.

Whoever is at the other end may be hostile or stuck: each line has a most in bytes and a deadline, and what is not one
line of plain JSON in time ends its own connection and nothing else.
"""

import json
import socket
import time
from typing import NoReturn

from orchestrator.model import Json

REQUEST_BYTES = 256 << 10
ANSWER_BYTES = 1 << 20
_CHUNK = 64 << 10


class FrameError(Exception):
    """No frame came, or none could be sent. The message says why, in a few words."""


def receive(connection: socket.socket, most: int, seconds: float) -> Json:
    """The object of one line. Raises FrameError."""
    return _parsed(_line(connection, most, time.monotonic() + seconds))


def send(connection: socket.socket, data: Json, most: int, seconds: float) -> None:
    """Raises FrameError; also where the data is too much, and then nothing was sent."""
    line = json.dumps(data, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > most:
        raise FrameError(f"more than {most >> 10} KiB")
    try:
        connection.settimeout(seconds)  # for all of it: sendall counts it down
        connection.sendall(line)
    except OSError as error:
        raise FrameError(f"not sent: {error.strerror or error}") from None


def _line(connection: socket.socket, most: int, deadline: float) -> bytes:
    held = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise FrameError("not whole in time")
        try:
            connection.settimeout(left)
            chunk = connection.recv(_CHUNK)
        except TimeoutError:
            continue
        except OSError as error:
            raise FrameError(f"cut off: {error.strerror}") from None
        if not chunk:
            raise FrameError("ended before its line did")
        held += chunk
        if len(held) > most:
            raise FrameError(f"more than {most >> 10} KiB")
        if b"\n" in chunk:
            line, _, rest = bytes(held).partition(b"\n")
            if rest:
                raise FrameError("more than one line")
            return line


def _parsed(line: bytes) -> Json:
    try:
        data = json.loads(line.decode(), parse_constant=_no_number)  # from bytes it would take UTF-16 too
    except (ValueError, RecursionError):
        raise FrameError("not JSON") from None
    if not isinstance(data, dict):
        raise FrameError("not a JSON object")
    return data


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
