"""Listening sockets and who holds them. Of the host's network: a service with PrivateNetwork= has another one."""

import socket
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host import sock_diag
from orchestrator.host.errors import Unavailable
from orchestrator.host.net_tables import NetTables, end_of
from orchestrator.host.processes import Process, Processes
from orchestrator.host.rights import Own, Rights
from orchestrator.host.tracing import link, names

_UNIX_ACCEPTS = 0x10000  # __SO_ACCEPTCON
_TCP = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # read, not bound
ASKED_AT_ONCE = 1000
"""Sockets, in one question to whoever may see more."""


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
    def __init__(self, processes: Processes, rights: Rights | None = None, proc: Path = Path("/proc")) -> None:
        self._processes = processes
        self._rights = rights or Own()
        self._proc = proc
        self._tables = NetTables(proc)

    def listeners(self) -> tuple[Listener, ...]:
        return (*(one for protocol, family in _TCP for one in self._tcp(protocol, family)), *self.unix())

    def connections(self, ports: tuple[int, ...] = ()) -> tuple[sock_diag.Connection, ...]:
        """What is connected to these ports of this host, or all. Raises Unavailable where the kernel does not list them."""
        found: list[sock_diag.Connection] = []
        for protocol, family in _TCP:
            try:
                shut_in = self._tables.shut_in
                rows = self._tables.tcp_connections(protocol, family) if shut_in else sock_diag.tcp_connections(family)
                found.extend(one for one in rows if not ports or one.port in ports)
            except OSError as error:
                raise Unavailable(f"the connections cannot be listed: {error.strerror}") from None
        return tuple(found)

    def holder(self, listener: Listener) -> Process | None:
        """Who accepts on it: where several hold it (PID 1 and a service that a socket unit started), not PID 1."""
        return self.owner(listener.inode)

    def owner(self, inode: int) -> Process | None:
        """Who has the socket open; of several the oldest but PID 1."""
        return self.owners((inode,)).get(inode)

    def owners(self, inodes: Collection[int]) -> dict[int, Process]:
        """The same of many sockets at once; one that nobody has open is not in it.

        Raises Unavailable where it may be one of those that this process may not look into, and nobody tells.
        """
        first = {inode: max(pids, key=lambda pid: (pid != 1, -pid)) for inode, pids in self.holders(inodes).items()}
        return {inode: process for inode, pid in first.items() if (process := self._processes.get(pid))}

    def holders(self, inodes: Collection[int]) -> dict[int, set[int]]:
        """Every process that has it open, for each of these sockets. Raises Unavailable, as above."""
        wanted, unseen = {f"socket:[{inode}]": inode for inode in inodes}, False
        held: dict[int, set[int]] = {}
        for pid in self._processes.pids():
            try:
                for inode in wanted.keys() & self._descriptors(pid):
                    held.setdefault(wanted[inode], set()).add(pid)
            except PermissionError:
                unseen = True
        return self._told(inodes, held) if unseen else held

    def _told(self, inodes: Collection[int], seen: dict[int, set[int]]) -> dict[int, set[int]]:
        """By whoever may look into all; what was seen is true, even where he does not answer."""
        asked = sorted(set(inodes))
        held: dict[int, set[int]] = {}
        try:
            for at in range(0, len(asked), ASKED_AT_ONCE):
                rows = self._rights.ask("socket_holders", inodes=asked[at : at + ASKED_AT_ONCE])
                held |= {int(inode): set(map(int, pids)) for inode, pids in rows}
        except Unavailable:
            if seen.keys() >= set(inodes):
                return seen
            raise
        return held

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

    def serves(self, *pids: int) -> bool:
        """Whether one of these processes can be reached: it has a socket that listens, or receives datagrams. Raises Unavailable."""
        served = {one.inode for one in (*self.listeners(), *self.datagrams())}
        links, unseen = {f"socket:[{inode}]" for inode in served}, set()
        for pid in pids:
            try:
                if not links.isdisjoint(self._descriptors(pid)):
                    return True
            except PermissionError:
                unseen.add(pid)
        return bool(unseen) and any(not unseen.isdisjoint(held) for held in self._told(served, {}).values())

    def datagrams(self) -> Iterator[Listener]:
        """Those that anybody may send to (UDP); a client that has its one server is none."""
        for protocol, family in (("udp", socket.AF_INET), ("udp6", socket.AF_INET6)):
            for line in self._tables.rows(protocol):
                fields = line.split()
                address, port = end_of(fields[1], family)
                if fields[2].endswith(":0000"):
                    yield Listener(protocol, address=address, port=port, inode=int(fields[9]))

    def holder_of_socket(self, path: str) -> Process | None:
        """Who listens on the socket file; None also for a stale file that nobody listens on."""
        found = [listener for listener in self.unix() if listener.path == path]
        return next((process for listener in found if (process := self.holder(listener))), None)

    def _tcp(self, protocol: str, family: socket.AddressFamily) -> Iterator[Listener]:
        rows: Iterable[tuple[str, int, int, int, int]]
        try:
            rows = self._tables.tcp_listeners(protocol, family) if self._tables.shut_in else sock_diag.tcp_listeners(family)
        except OSError:
            rows = self._tables.tcp_listeners(protocol, family)
        for address, port, inode, queue, backlog in rows:
            yield Listener(protocol, address=address, port=port, inode=inode, queue=queue, backlog=backlog)

    def unix(self) -> Iterator[Listener]:
        """Those on socket files, and abstract ones. Num: RefCount Protocol Flags Type St Inode Path."""
        for line in self._tables.rows("unix"):
            fields = line.split(None, 7)
            if len(fields) == 8 and int(fields[3], 16) & _UNIX_ACCEPTS:
                yield Listener("unix", path=fields[7], inode=int(fields[6]))

    def _descriptors(self, pid: int) -> set[str]:
        """What its descriptors lead to; nothing for a process that has just ended. Raises PermissionError."""
        directory = f"{self._proc}/{pid}/fd"
        return {link(f"{directory}/{name}") for name in names(directory)}
