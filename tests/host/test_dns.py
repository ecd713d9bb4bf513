"""One question to one name server, on real sockets."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from orchestrator.host import dns
from orchestrator.host.kernel import Kernel
from orchestrator.host.processes import Processes
from orchestrator.host.sockets import Sockets


@contextmanager
def served(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """A server that answers one question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            asked, client = server.recvfrom(4096)
            server.sendto(answer(asked), client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def says(code: int, answers: int = 0) -> Callable[[bytes], bytes]:
    return lambda asked: asked[:2] + struct.pack("!5H", 0x8180 | code, 1, answers, 0, 0) + asked[12:]


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (says(0, 1), "knows", "knows it"),
        (says(0, 0), "unknown", "no address"),
        (says(3), "unknown", "no such name"),
        (says(2), "unknown", "fails to find out"),
        (lambda asked: b"\0\0" + says(0, 1)(asked)[2:] if asked[:2] != b"\0\0" else b"", "unknown", "answers"),
        (lambda asked: b"HTTP" if asked else b"", "unknown", "no DNS"),
    ],
)
def test_what_a_server_says_is_told_in_words(answer: Callable[[bytes], bytes], state: str, told: str) -> None:
    """An answer of any kind is no silence."""
    with served(answer) as port:
        reply = dns.ask("127.0.0.1", "app.internal", port)
    assert (reply.state, told in reply.told) == (state, True)


def test_nobody_and_silence_are_two_things() -> None:
    """Where nothing listens the kernel says so at once; a server that hangs says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert dns.ask("127.0.0.1", "app.internal", port).state == "silent"
    assert dns.ask("127.0.0.1", "app.internal", port).state == "nobody"
    assert dns.ask("no address", "app.internal").state == "nobody"


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "ä.internal"])
def test_what_is_no_name_is_asked_of_nobody(name: str) -> None:
    """It cannot be put into a question."""
    assert dns.ask("127.0.0.1", name, 9).state == "unknown"


def test_who_receives_datagrams_is_found() -> None:
    """By address and port, or on every address."""
    sockets = Sockets(Processes(Kernel()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        holder = sockets.holder_of_datagram("127.0.0.1", port)
        assert holder
        assert holder.comm
        assert sockets.holder_of_datagram("127.0.0.2", port) is None
