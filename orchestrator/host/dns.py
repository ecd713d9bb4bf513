"""One question to one name server, so that a server that is silent is told from one that does not know the name."""

import errno
import secrets
import socket
import struct
from dataclasses import dataclass

from orchestrator.host.ways import family_of

PORT = 53
_SECONDS = 1.0
_HEADER = struct.Struct("!6H")
_RECURSE, _RESPONSE = 0x0100, 0x8000
_ADDRESS_OF, _INTERNET = 1, 1
_KNOWN = 0
_NOBODY = (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH, errno.ENETUNREACH)
_MEANS = {1: "calls the question malformed", 2: "fails to find out", 3: "says that there is no such name", 5: "refuses to answer"}
"""RFC 1035, section 4.1.1: RCODE."""


@dataclass(frozen=True, slots=True)
class Reply:
    state: str
    """knows, unknown (it answers, and not with an address), silent, nobody (nothing listens there)."""
    told: str = ""


def ask(server: str, name: str, port: int = PORT) -> Reply:
    """What the server says of the name; never waits longer than a second, never raises."""
    family = family_of(server)
    if family is None:
        return Reply("nobody", f"{server} is no address")
    number = secrets.randbelow(1 << 16)
    try:
        question = _question(number, name)
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(_SECONDS)
            client.connect((server, port))
            client.send(question)
            return _read(server, number, client.recv(4096))
    except TimeoutError:
        return Reply("silent", f"{server} does not answer")
    except OSError as error:
        if error.errno in _NOBODY:
            return Reply("nobody", f"nobody answers at {server} ({error.strerror})")
        return Reply("silent", f"{server}: {error.strerror or error}")
    except UnicodeError:
        return Reply("unknown", f"{name[:80]} is no name")


def _question(number: int, name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if any(not 0 < len(label) < 64 for label in labels):
        raise UnicodeError
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _RECURSE, 1, 0, 0, 0) + asked + struct.pack("!2H", _ADDRESS_OF, _INTERNET)


def _read(server: str, number: int, data: bytes) -> Reply:
    if len(data) < _HEADER.size:
        return Reply("unknown", f"{server} answers with no DNS")
    given, flags, _, answers, _, _ = _HEADER.unpack_from(data)
    if given != number or not flags & _RESPONSE:
        return Reply("unknown", f"{server} answers another question")
    code = flags & 0xF
    if code == _KNOWN and answers:
        return Reply("knows", f"{server} knows it")
    return Reply("unknown", f"{server} {_MEANS.get(code, 'has no address for it')}")
