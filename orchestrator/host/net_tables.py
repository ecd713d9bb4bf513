"""The kernel's tables of sockets as text: where sock_diag is not to be had, or tells of another network than the host's."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.sock_diag import Connection

_LISTEN, _ESTABLISHED, _CLOSE_WAIT = "0A", "01", "08"
ROWS = 20_000
_READ_CHARACTERS = 8 << 20


class NetTables:
    """Of /proc/net; or of the host's first process, where systemd gave this service a network of its own for a sandbox."""

    def __init__(self, proc: Path) -> None:
        self.shut_in = "INVOCATION_ID" in os.environ and _differs(proc)
        """Whether our own network is not the host's: then only these tables tell of that."""
        self._net = proc / ("1/net" if self.shut_in else "net")

    def rows(self, protocol: str) -> list[str]:
        """One for each socket; none where there is no such protocol (IPv6 is switched off)."""
        try:
            with (self._net / protocol).open(encoding="utf-8", errors="replace") as file:
                return file.read(_READ_CHARACTERS).splitlines()[1:ROWS]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the {protocol} sockets cannot be listed: {error.strerror}") from None

    def tcp_listeners(self, protocol: str, family: socket.AddressFamily) -> Iterator[tuple[str, int, int, int, int]]:
        """(address, port, inode, queue, backlog). What listens comes first: the rest, maybe 100,000 connections, is not looked at."""
        for line in self.rows(protocol):
            fields = line.split()
            if fields[3] != _LISTEN:
                return
            host, port = end_of(fields[1], family)
            yield host, port, int(fields[9]), int(fields[4].partition(":")[2], 16), 0

    def tcp_connections(self, protocol: str, family: socket.AddressFamily) -> Iterator[Connection]:
        """What came over each, and when, these tables do not tell."""
        for line in self.rows(protocol):
            fields = line.split()
            if fields[3] in (_ESTABLISHED, _CLOSE_WAIT):
                (_, port), (peer, peer_port) = end_of(fields[1], family), end_of(fields[2], family)
                unread, closed = int(fields[4].partition(":")[2], 16), fields[3] == _CLOSE_WAIT
                yield Connection(port, peer, peer_port, int(fields[9]), unread, received=0, sent=0, silent_seconds=0.0, closed=closed)


def end_of(text: str, family: socket.AddressFamily) -> tuple[str, int]:
    """Address and port: words of 32 bits in the machine's own order, each printed as a number."""
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16).to_bytes(4, byteorder="little") for at in range(0, len(address), 8)]
    return socket.inet_ntop(family, b"".join(words)), int(port, 16)


def _differs(proc: Path) -> bool:
    try:
        return (proc / "self/ns/net").stat().st_ino != (proc / "1/ns/net").stat().st_ino
    except OSError:  # an ordinary user is not told; he is not shut in
        return False
