"""Who listens where, on real sockets."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Kernel, Listener, Processes, Sockets

BACKLOG = 3


@pytest.fixture
def sockets() -> Sockets:
    return Sockets(Processes(Kernel()))


@pytest.fixture(params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as opened:
        try:
            opened.bind((request.param, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        opened.listen(BACKLOG)
        yield opened


def _found(sockets: Sockets, server: socket.socket) -> Listener:
    return next(listener for listener in sockets.listeners() if listener.port == server.getsockname()[1])


def test_a_listener_is_found(sockets: Sockets, server: socket.socket) -> None:
    """Its protocol, address, port and inode, and how many may wait."""
    found = _found(sockets, server)
    assert found.address == server.getsockname()[0]
    assert found.protocol == ("tcp6" if ":" in found.address else "tcp")
    assert found.inode == os.fstat(server.fileno()).st_ino
    assert (found.queue, found.backlog) == (0, BACKLOG)


def test_who_is_not_accepted_is_counted(sockets: Sockets, server: socket.socket) -> None:
    """A connection that nobody accepts waits in the queue."""
    with socket.create_connection(server.getsockname()[:2]):
        assert _found(sockets, server).queue == 1
        server.accept()[0].close()
        assert _found(sockets, server).queue == 0


def test_a_port_has_its_holder(sockets: Sockets, server: socket.socket) -> None:
    """The process that listens; nobody on a port that nobody listens on."""
    port = server.getsockname()[1]
    holder = sockets.holder_of_port(port)
    assert holder is not None
    assert holder.pid == os.getpid()
    server.close()
    assert sockets.holder_of_port(port) is None


def test_a_connection_is_no_listener(sockets: Sockets, server: socket.socket) -> None:
    """The client's side of a connection is not listed."""
    with socket.create_connection(server.getsockname()[:2]) as client:
        assert client.getsockname()[1] not in {listener.port for listener in sockets.listeners()}


def test_a_socket_file_has_its_holder(sockets: Sockets, tmp_path: Path) -> None:
    """Who listens on the file; nobody when the file is all that is left."""
    path = str(tmp_path / "with space.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        assert sockets.holder_of_socket(path) is None, "bound, but not listening"
        server.listen()
        holder = sockets.holder_of_socket(path)
        assert holder is not None
        assert holder.pid == os.getpid()
    assert Path(path).exists()
    assert sockets.holder_of_socket(path) is None


@pytest.mark.parametrize("server", ["127.0.0.1", "::1"], indirect=True)
def test_without_sock_diag_proc_tells_the_same(sockets: Sockets, server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without that door is read by /proc/net/tcp: all but the length of the queue."""

    def no_door(family: int) -> tuple[()]:
        raise OSError(2, f"no sock_diag for {family}")

    with_door = _found(sockets, server)
    monkeypatch.setattr("orchestrator.host.sock_diag.tcp_listeners", no_door)
    without = _found(sockets, server)
    assert (without.protocol, without.address, without.inode) == (with_door.protocol, with_door.address, with_door.inode)
    assert (without.queue, without.backlog) == (0, 0)


def test_connections_tell_who_waits(sockets: Sockets) -> None:
    """What came and was not read, who closed, and what nobody has accepted yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as slow, socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            with accepted:
                slow.sendall(b"GET / ")
                assert accepted.recv(3) == b"GET"
                [one, other] = sorted(sockets.connections((port,)), key=lambda item: item.inode == 0)
                assert (one.peer, one.peer_port, one.unread, one.closed) == ("127.0.0.1", slow.getsockname()[1], 3, False)
                assert one.received >= 6
                assert (other.inode, other.received) == (0, 0)
                assert sockets.connections((1,)) == ()


def test_a_port_for_datagrams_has_its_holder(sockets: Sockets) -> None:
    """Who receives there; a client with its one server receives from nobody else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        holder = sockets.holder_of_port(server.getsockname()[1])
        assert holder is not None
        assert holder.pid == os.getpid()
        assert not sockets.on_port(client.getsockname()[1])


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_who_can_be_reached_serves(sockets: Sockets, kind: socket.SocketKind) -> None:
    """A program that listens, or receives datagrams; not one that only asks others."""
    opens = (
        f"import socket; s = socket.socket(socket.AF_INET, {int(kind)}); s.bind(('127.0.0.1', 0)); "
        f"{'s.listen(); ' if kind == socket.SOCK_STREAM else ''}print('.', flush=True); input()"
    )
    for program, wanted in ((opens, True), ("print('.', flush=True); input()", False)):
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            assert sockets.serves(process.pid) is wanted
            process.communicate(b"\n")
