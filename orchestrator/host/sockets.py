"""Listening sockets and who holds them. Of this network namespace: a service with PrivateNetwork= has another one."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host import sock_diag
from orchestrator.host.errors import Unavailable
from orchestrator.host.processes import Process, Processes

_LISTEN = "0A"
_UNIX_ACCEPTS = 0x10000  # __SO_ACCEPTCON
_ROWS = 20_000
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # read, not bound
_READ_CHARACTERS = 8 << 20


@dataclass(frozen=True, slots=True)
class Listener:
    protocol: str
    """One of tcp, tcp6, udp, udp6, unix."""
    address: str = ""
    port: int = 0
    path: str = ""
    """Of a unix socket; an abstract one begins with `@`."""
    inode: int = 0
    queue: int = 0
    """Connections that wait to be accepted."""
    backlog: int = 0
    """How many may wait; 0 where the kernel does not tell (unix)."""


class Sockets:
    def __init__(self, processes: Processes, proc: Path = Path("/proc")) -> None:
        self._processes = processes
        self._proc = proc

    def listeners(self) -> tuple[Listener, ...]:
        return (*self._tcp("tcp", socket.AF_INET), *self._tcp("tcp6", socket.AF_INET6), *self.unix())

    def connections(self, ports: tuple[int, ...] = ()) -> tuple[sock_diag.Connection, ...]:
        """What is connected to these ports of this host, or all. Raises Unavailable where the kernel does not list them."""
        found: list[sock_diag.Connection] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                found.extend(one for one in sock_diag.tcp_connections(family) if not ports or one.port in ports)
            except OSError as error:
                raise Unavailable(f"the connections cannot be listed: {error.strerror}") from None
        return tuple(found)

    def holder(self, listener: Listener) -> Process | None:
        """Who accepts on it: where several hold it (PID 1 and a service that a socket unit started), not PID 1."""
        return self.owner(listener.inode)

    def owner(self, inode: int) -> Process | None:
        """Who has the socket open; of several the oldest but PID 1."""
        holders = [pid for pid in self._processes.pids() if self._holds(pid, inode)]
        if not holders:
            return None
        return self._processes.get(max(holders, key=lambda pid: (pid != 1, -pid)))

    def on_port(self, port: int) -> tuple[Listener, ...]:
        """Who listens on the TCP port, on any address; where nobody does, who receives datagrams there (UDP)."""
        return tuple(one for one in self.listeners() if one.port == port) or tuple(one for one in self.datagrams() if one.port == port)

    def holder_of_port(self, port: int) -> Process | None:
        """The process behind one of these."""
        return next((process for listener in self.on_port(port) if (process := self.holder(listener))), None)

    def holder_of_datagram(self, address: str, port: int) -> Process | None:
        """Who receives datagrams for this address and port (UDP), there or on every address."""
        found = (one for one in self.datagrams() if one.port == port and one.address in (address, *_EVERYWHERE))
        return next((self.holder(one) for one in found), None)

    def serves(self, pid: int) -> bool:
        """Whether the process can be reached: it has a socket that listens, or receives datagrams."""
        served = {f"socket:[{one.inode}]" for one in (*self.listeners(), *self.datagrams())}
        return not served.isdisjoint(self._descriptors(pid))

    def datagrams(self) -> Iterator[Listener]:
        """Those that anybody may send to (UDP); a client that has its one server is none."""
        for protocol, family in (("udp", socket.AF_INET), ("udp6", socket.AF_INET6)):
            for line in self._text(protocol).splitlines()[1:_ROWS]:
                fields = line.split()
                address, _, port = fields[1].partition(":")
                if fields[2].endswith(":0000"):
                    yield Listener(protocol, address=_address(address, family), port=int(port, 16), inode=int(fields[9]))

    def holder_of_socket(self, path: str) -> Process | None:
        """Who listens on the socket file; None also for a stale file that nobody listens on."""
        found = [listener for listener in self.unix() if listener.path == path]
        return next((process for listener in found if (process := self.holder(listener))), None)

    def _tcp(self, protocol: str, family: socket.AddressFamily) -> Iterator[Listener]:
        try:
            rows = sock_diag.tcp_listeners(family)
        except OSError:
            rows = tuple(_listening_rows(self._text(protocol), family))
        for address, port, inode, queue, backlog in rows:
            yield Listener(protocol, address=address, port=port, inode=inode, queue=queue, backlog=backlog)

    def unix(self) -> Iterator[Listener]:
        """Those on socket files, and abstract ones. Num: RefCount Protocol Flags Type St Inode Path."""
        for line in self._text("unix").splitlines()[1:_ROWS]:
            fields = line.split(None, 7)
            if len(fields) == 8 and int(fields[3], 16) & _UNIX_ACCEPTS:
                yield Listener("unix", path=fields[7], inode=int(fields[6]))

    def _text(self, protocol: str) -> str:
        try:
            with (self._proc / "net" / protocol).open(encoding="utf-8", errors="replace") as file:
                return file.read(_READ_CHARACTERS)
        except FileNotFoundError:  # IPv6 is switched off
            return ""
        except OSError as error:
            raise Unavailable(f"the {protocol} sockets cannot be listed: {error.strerror}") from None

    def _holds(self, pid: int, inode: int) -> bool:
        return f"socket:[{inode}]" in self._descriptors(pid)

    def _descriptors(self, pid: int) -> Iterator[str]:
        """What its descriptors lead to; nothing for a process that may not be read, or has just ended."""
        directory = f"{self._proc}/{pid}/fd"
        with suppress(OSError):
            yield from (_target(f"{directory}/{name}") for name in os.listdir(directory))  # noqa: PTH208  # names alone


def _listening_rows(text: str, family: socket.AddressFamily) -> Iterator[tuple[str, int, int, int, int]]:
    """/proc/net/tcp, for kernels without sock_diag. What listens comes first: the rest, maybe 100,000 connections, is not read."""
    for line in text.splitlines()[1:_ROWS]:
        fields = line.split()
        if fields[3] != _LISTEN:
            return
        address, _, port = fields[1].partition(":")
        queue = int(fields[4].partition(":")[2], 16)
        yield _address(address, family), int(port, 16), int(fields[9]), queue, 0


def _address(text: str, family: socket.AddressFamily) -> str:
    """Words of 32 bits in the machine's own order, each printed as a number."""
    words = [int(text[at : at + 8], 16).to_bytes(4, byteorder="little") for at in range(0, len(text), 8)]
    return socket.inet_ntop(family, b"".join(words))


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115  # thousands of them
    except OSError:
        return ""
