"""Certificates as they lie on disk and as they are served, with real files and a real handshake."""

import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.host import View
from tests.host.pems import Pem, issue

DAY = 86_400.0


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


@contextmanager
def _serving(pem: Pem) -> Iterator[str]:
    """A server that shows it to whoever shakes hands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.file, pem.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    context.wrap_socket(connection, server_side=True).close()
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_file_says_dates_and_names(view: View, tmp_path: Path) -> None:
    """What clients judge by is read: from when, until when, and for whom."""
    pem = issue(tmp_path, "shop", "shop.example", days=(-10, 80))
    (one,) = view.certificates.on_disk(pem.file)
    assert one.names == ("shop.example",)
    assert one.not_before == pytest.approx(time.time() - 10 * DAY, abs=120)
    assert one.not_after == pytest.approx(time.time() + 80 * DAY, abs=120)


def test_a_name_may_have_a_star_for_one_label(view: View, tmp_path: Path) -> None:
    """A wildcard is good for one label at the beginning, and for no more."""
    (one,) = view.certificates.on_disk(issue(tmp_path, "star", "*.shop.example").file)
    assert one.is_for("www.SHOP.example.")
    assert not one.is_for("a.www.shop.example")
    assert not one.is_for("shop.example")


def test_what_is_served_is_the_file(view: View, tmp_path: Path) -> None:
    """The same certificate, seen by a client and read from disk, has the same name; an expired one is shown too."""
    pem = issue(tmp_path, "old", "shop.example", days=(-90, -1))
    with _serving(pem) as endpoint:
        served = view.certificates.served(endpoint, "shop.example")
    assert served
    assert served == view.certificates.on_disk(pem.file)[0]


def test_where_nobody_speaks_tls_nothing_is_served(view: View) -> None:
    """A port that is closed, or speaks something else, is another check's business."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert view.certificates.served(f"127.0.0.1:{port}", None) is None


def test_a_key_belongs_or_does_not(view: View, tmp_path: Path) -> None:
    """The right key, somebody else's, and none at all."""
    one, other = issue(tmp_path, "one", "one.example"), issue(tmp_path, "other", "other.example")
    assert view.certificates.belongs(one.file, one.key) is True
    assert view.certificates.belongs(one.file, other.key) is False
    assert view.certificates.belongs(one.file, one.file) is None


def test_a_replaced_file_is_read_again(view: View, tmp_path: Path) -> None:
    """What was read of a file counts for that very file alone."""
    pem = issue(tmp_path, "a", "a.example")
    assert view.certificates.on_disk(pem.file)[0].names == ("a.example",)
    shutil.copyfile(issue(tmp_path, "b", "b.example").file, pem.file)
    assert view.certificates.on_disk(pem.file)[0].names == ("b.example",)


def test_a_damaged_file_holds_none(view: View, tmp_path: Path) -> None:
    """Neither text that is no certificate nor half of one is taken for a certificate, nor for our own trouble."""
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n")
    assert view.certificates.on_disk(str(damaged)) == ()
    assert view.certificates.on_disk(str(tmp_path / "absent.pem")) == ()
