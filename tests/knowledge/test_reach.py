"""Whether the way to a service is open, on real sockets."""

import socket
from collections.abc import Iterator

import pytest

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence.reach import reach
from orchestrator.model import Case, Fault, Incident, Scope


@pytest.fixture
def view() -> Iterator[View]:
    opened = View()
    yield opened
    opened.close()


def facts(view: View, *probes: dict[str, object]) -> dict[str, str]:
    config = Config.model_validate({"service": [{"name": "kiosk", "probes": list(probes)}]})
    fault = Fault(check="probe_failing", target="kiosk", reason="NoAnswer", message="m")
    case = Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target="kiosk"))
    return {name: value for seen in reach(view, config, case) for name, value in seen.facts.items()}


def test_a_silent_program_that_can_be_reached_has_an_open_way(view: View) -> None:
    """It accepts nothing, and that is its own fault."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert facts(view, {"tcp": f"127.0.0.1:{port}"}, {"http": f"http://localhost:{port}/"}) == {}


def test_a_full_queue_is_a_hang_and_no_shut_way(view: View) -> None:
    """The kernel drops connections there too; the program is at fault all the same."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)  # noqa: FBT003  # socket's own word
            client.connect_ex(address)
        assert facts(view, {"tcp": f"127.0.0.1:{address[1]}"}) == {}
        for client in waiting:
            client.close()


def test_who_listens_on_another_address_is_told(view: View) -> None:
    """A restart would listen there again."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        assert facts(view, {"tcp": f"127.0.0.1:{port}"}) == {"port.elsewhere": f"127.0.0.2 and not on 127.0.0.1 (port {port})"}


def test_an_ended_program_says_nothing_of_the_way(view: View) -> None:
    """Nobody listens: refused is what the kernel always says then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert facts(view, {"tcp": f"127.0.0.1:{port}"}) == {}


def test_an_address_that_this_host_lacks_is_named(view: View) -> None:
    """It may be another host's, too: what the program says about it decides, in the runbook."""
    assert facts(view, {"tcp": "192.0.2.1:80"}) == {"address.missing": "192.0.2.1"}


def test_names_are_not_resolved(view: View) -> None:
    """A resolver can hang; the probes themselves ask for names."""
    assert facts(view, {"http": "http://kiosk.example/"}) == {}
