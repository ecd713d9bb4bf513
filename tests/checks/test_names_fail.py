"""When names are looked up at all, and what of that is remembered."""

from collections.abc import Iterator

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import View

CHECK = all_checks()["names_fail"]


@pytest.fixture
def view() -> Iterator[View]:
    opened = View()
    yield opened
    opened.close()


def declared(**service: object) -> Config:
    return Config.model_validate({"service": [{"name": "kiosk", **service}]})


def test_who_declares_nothing_costs_nothing(view: View) -> None:
    """Not even a file is looked at."""
    assert CHECK.ask(view, Config()) == ()
    assert not view.names.marks


def test_who_needs_no_name_asks_nobody(view: View) -> None:
    """Addresses in numbers need no resolver."""
    assert CHECK.ask(view, declared(probes=[{"tcp": "127.0.0.1:80"}])) == ()
    assert not view.names.found


def test_a_name_that_is_found_is_asked_for_once(view: View) -> None:
    """The next look compares the states of files and asks nobody."""
    config = declared(probes=[{"command": ["/usr/bin/getent", "hosts", "x", "host=localhost"]}])
    assert CHECK.ask(view, config) == ()
    assert view.names.found["localhost"]
    first = view.names.looked_at
    assert CHECK.ask(view, config) == ()
    assert view.names.looked_at == first


def test_trouble_of_a_service_has_its_names_looked_up_again(view: View) -> None:
    """What it needs may have changed at a server, where no file of this host tells."""
    config = declared(probes=[{"command": ["/usr/bin/getent", "host=localhost"]}])
    CHECK.ask(view, config)
    view.names.doubt("kiosk")
    view.names.found = {}
    assert CHECK.ask(view, config) == ()
    assert view.names.doubted
    view.answered["kiosk"] = view.now() + 1
    CHECK.ask(view, config)
    assert not view.names.doubted
    assert view.names.found["localhost"]


def test_who_needs_no_name_is_never_in_doubt(view: View) -> None:
    """Its trouble is another one."""
    view.names.doubt("kiosk")
    assert not view.names.doubted
