"""Asks the kernel for TCP sockets over netlink (sock_diag(7)): the only way that tells the length of a listener's queue, and who waits."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_DONE, _ERROR = 3, 2
_LISTEN_STATE = 1 << 10  # TCP_LISTEN
_CONNECTED_STATES = 1 << 1 | 1 << 8  # TCP_ESTABLISHED, TCP_CLOSE_WAIT
_INFO = 2  # INET_DIAG_INFO: the number of the attribute, and the bit that asks for it
_MESSAGE_BYTES = 72  # struct inet_diag_msg
_ATTRIBUTE = struct.Struct("=HH")
_TCP_INFO = struct.Struct("=52xI64xQQ")  # tcpi_last_data_recv, tcpi_bytes_acked, tcpi_bytes_received
_HEADER = struct.Struct("=LHHLL")
_REQUEST = struct.Struct("=BBBxI48x")
_ROW = struct.Struct("!HH16s")
_TIMEOUT_SECONDS = 2.0
_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection, seen from its local end."""

    port: int
    peer: str
    peer_port: int
    inode: int
    """0: nobody has accepted it yet."""
    unread: int
    """Bytes that have come and that the program has not read."""
    received: int
    sent: int
    """Bytes that came since it began, and that the peer has taken. One is the handshake's own."""
    silent_seconds: float
    """Since the last byte came."""
    closed: bool
    """The peer has ended its side."""


def tcp_listeners(family: int) -> tuple[tuple[str, int, int, int, int], ...]:
    """(address, port, inode, queue, backlog) of each. Raises OSError where the kernel has no such door (a module not loaded)."""
    return tuple(_row(body, family) for body in _dump(family, _LISTEN_STATE))


def tcp_connections(family: int) -> tuple[Connection, ...]:
    """Those that stand, or that the peer alone has closed. Raises OSError as above."""
    return tuple(_connection(body, family) for body in _dump(family, _CONNECTED_STATES, extensions=1 << (_INFO - 1)))


def _dump(family: int, states: int, *, extensions: int = 0) -> Iterator[bytes]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as door:
        door.settimeout(_TIMEOUT_SECONDS)
        payload = _REQUEST.pack(family, socket.IPPROTO_TCP, extensions, states)
        door.send(_HEADER.pack(_HEADER.size + len(payload), _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0) + payload)
        yield from _rows(door)


def _rows(door: socket.socket) -> Iterator[bytes]:
    for _ in range(_ROWS):
        data = door.recv(1 << 16)
        while data:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = struct.unpack_from("=i", data, _HEADER.size)[0]
                raise OSError(-code, "the kernel does not list its sockets")
            yield data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]


def _row(body: bytes, family: int) -> tuple[str, int, int, int, int]:
    """struct inet_diag_msg: family, state, timer, retrans; ports and addresses in network order; interface, cookie; then the counts."""
    port, _, source = _ROW.unpack_from(body, 4)
    _expires, queue, backlog, _uid, inode = struct.unpack_from("=5I", body, 4 + 4 + 32 + 12)
    address = socket.inet_ntop(family, source[:4] if family == socket.AF_INET else source)
    return address, port, inode, queue, backlog


def _connection(body: bytes, family: int) -> Connection:
    port, peer_port, _ = _ROW.unpack_from(body, 4)
    peer = body[24:28] if family == socket.AF_INET else body[24:40]
    _expires, unread, _unsent, _uid, inode = struct.unpack_from("=5I", body, 4 + 4 + 32 + 12)
    silent, sent, received = _tcp_info(body[_MESSAGE_BYTES:])
    return Connection(
        port=port,
        peer=socket.inet_ntop(family, peer),
        peer_port=peer_port,
        inode=inode,
        unread=unread,
        received=received,
        sent=sent,
        silent_seconds=silent / 1000,
        closed=body[1] == 8,  # TCP_CLOSE_WAIT
    )


def _tcp_info(attributes: bytes) -> tuple[int, int, int]:
    """Milliseconds since the last byte came, bytes taken by the peer, bytes that came; zeros where the kernel tells none."""
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _INFO and length >= _ATTRIBUTE.size + _TCP_INFO.size:
            silent, sent, received = _TCP_INFO.unpack_from(attributes, _ATTRIBUTE.size)
            return silent, sent, received
        if length < _ATTRIBUTE.size:
            break
        attributes = attributes[(length + 3) & ~3 :]
    return 0, 0, 0
