"""Listening sockets and who holds them."""

from dataclasses import dataclass

from orchestrator.host.processes import Process, Processes


@dataclass(frozen=True, slots=True)
class Listener:
    protocol: str
    """tcp, tcp6, udp, udp6 or unix."""
    address: str = ""
    port: int = 0
    path: str = ""
    inode: int = 0
    queue: int = 0
    """Connections that wait to be accepted."""
    backlog: int = 0
    """How many may wait; 0 where the kernel does not tell."""


class Sockets:
    def __init__(self, processes: Processes) -> None:
        raise NotImplementedError

    def listeners(self) -> tuple[Listener, ...]:
        raise NotImplementedError

    def holder(self, listener: Listener) -> Process | None:
        """Who accepts on it: where several hold it (a socket unit's service and PID 1), the one that is not PID 1."""
        raise NotImplementedError

    def holder_of_port(self, port: int) -> Process | None:
        """Who listens on the TCP port, on any address."""
        raise NotImplementedError

    def holder_of_socket(self, path: str) -> Process | None:
        """Who listens on the socket file; None also for a stale file that nobody listens on."""
        raise NotImplementedError
