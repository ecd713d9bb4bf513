"""Asks the kernel for listening TCP sockets over netlink (sock_diag(7)): the only way that tells the length of the queue."""

import socket
import struct
from collections.abc import Iterator

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_DONE, _ERROR = 3, 2
_LISTEN_STATE = 1 << 10  # TCP_LISTEN
_HEADER = struct.Struct("=LHHLL")
_REQUEST = struct.Struct("=BBBxI48x")
_ROW = struct.Struct("!HH16s")
_TIMEOUT_SECONDS = 2.0
_ROWS = 20_000


def tcp_listeners(family: int) -> tuple[tuple[str, int, int, int, int], ...]:
    """(address, port, inode, queue, backlog) of each. Raises OSError where the kernel has no such door (a module not loaded)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as door:
        door.settimeout(_TIMEOUT_SECONDS)
        payload = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _LISTEN_STATE)
        door.send(_HEADER.pack(_HEADER.size + len(payload), _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0) + payload)
        return tuple(_rows(door, family))


def _rows(door: socket.socket, family: int) -> Iterator[tuple[str, int, int, int, int]]:
    for _ in range(_ROWS):
        data = door.recv(1 << 16)
        while data:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = struct.unpack_from("=i", data, _HEADER.size)[0]
                raise OSError(-code, "the kernel does not list its sockets")
            yield _row(data[_HEADER.size : length], family)
            data = data[(length + 3) & ~3 :]


def _row(body: bytes, family: int) -> tuple[str, int, int, int, int]:
    """struct inet_diag_msg: family, state, timer, retrans; ports and addresses in network order; interface, cookie; then the counts."""
    port, _, source = _ROW.unpack_from(body, 4)
    _expires, queue, backlog, _uid, inode = struct.unpack_from("=5I", body, 4 + 4 + 32 + 12)
    address = socket.inet_ntop(family, source[:4] if family == socket.AF_INET else source)
    return address, port, inode, queue, backlog
