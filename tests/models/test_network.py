"""The way to a server that is not on this host: TLS that is looked at, and a proxy where the environment names one."""

import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestrator.config import Backend
from phases.models import ModelFailed
from phases.models.child import ask
from tests.models.conftest import Asks
from tests.models.stub import Play, Stub

ANSWER = {"cause": "x"}
BACKENDS: tuple[Backend, ...] = ("anthropic", "openai-compatible")


@pytest.fixture
def certificate(stub: Stub, tmp_path: Path) -> Path:
    """Of the stub, which speaks TLS from here on."""
    file, key = tmp_path / "cert.pem", tmp_path / "cert.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=model.test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run([*make, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    stub.socket = context.wrap_socket(stub.socket, server_side=True, do_handshake_on_connect=False)
    return file


class _Proxy(BaseHTTPRequestHandler):
    """Connects whom it is asked to connect, and notes it."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_CONNECT(self) -> None:  # the library's name
        self.asked.append(self.path)
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: other, other: self.connection}
            while ready := select.select(ends, [], [], 30)[0]:
                if not (part := ready[0].recv(65_536)):
                    break
                ends[ready[0]].sendall(part)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whom it was asked to connect."""
    _Proxy.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
        yield _Proxy.asked
        server.shutdown()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_server_proves_who_it_is(
    stub: Stub, certificate: Path, request_of: Asks, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    """Before anything is said to it: by an authority that this host trusts, the operator's own too."""
    stub.script = [Play(ANSWER)]
    url = f"https://127.0.0.1:{stub.server_port}" + ("/v1" if backend == "openai-compatible" else "")
    with pytest.raises(ModelFailed, match="certificate verify failed") as failed:
        ask(request_of(backend, url=url))
    assert (failed.value.kind, stub.asked) == ("unreachable", [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask(request_of(backend, url=url)).answer == ANSWER


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_proxy_is_for_the_world_and_never_for_this_host(
    stub: Stub, request_of: Asks, proxy: list[str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    """What is said to a model at home passes by nobody."""
    stub.script = [Play(ANSWER)]
    assert ask(request_of(backend)).answer == ANSWER
    assert proxy == []
    monkeypatch.setenv("SSL_CERT_FILE", str(request.getfixturevalue("certificate")))
    url = f"https://127.0.0.1:{stub.server_port}" + ("/v1" if backend == "openai-compatible" else "")
    assert ask(request_of(backend, url=url)).answer == ANSWER
    assert proxy == [f"127.0.0.1:{stub.server_port}"]
