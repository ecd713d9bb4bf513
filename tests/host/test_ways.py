"""The way to a port, on real sockets."""

import errno
import socket
from collections.abc import Iterator

import pytest

from orchestrator.host import ways

NOBODYS = "192.0.2.1"
"""RFC 5737: for documentation, so no host has it."""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def test_an_address_is_ours_when_it_can_be_bound() -> None:
    """Nothing is sent to find that out."""
    assert ways.is_ours("127.0.0.1")
    assert not ways.is_ours(NOBODYS)


@pytest.mark.parametrize("name", ["localhost", "example.org", "", "1.2.3", "::ffff::1"])
def test_a_name_is_no_address(name: str) -> None:
    """Only numbers are looked at: a name would have to be resolved."""
    assert ways.family_of(name) is None


def test_the_kernel_lets_in_though_the_program_is_silent(server: socket.socket) -> None:
    """Nobody accepts here: a hang is not a shut way."""
    assert ways.knock("127.0.0.1", server.getsockname()[1]) == 0


def test_where_nobody_listens_the_kernel_refuses(server: socket.socket) -> None:
    """The plain refusal of an ended program."""
    port = server.getsockname()[1]
    server.close()
    assert ways.knock("127.0.0.1", port) == errno.ECONNREFUSED


def test_the_range_of_local_ports_is_told() -> None:
    """Two numbers, as a person writes them."""
    low, _, high = ways.local_ports().partition("-")
    assert 0 < int(low) <= int(high) < 1 << 16
