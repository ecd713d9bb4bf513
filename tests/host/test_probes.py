"""Services are asked as a user would, on real sockets, and never for longer than was said."""

import contextlib
import http.server
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.config import CommandProbe, FileProbe, HttpProbe, Probe, TcpProbe
from orchestrator.host import ProbeResult, View

SLACK = 1.5


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path)
    yield opened
    opened.close()


class Answers(http.server.BaseHTTPRequestHandler):
    """/ok, /teapot, /moved, /large; chunked is sent in chunks that split the word."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = {"/teapot": 418, "/moved": 302}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/ok")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nall i\r\n6\r\ns well\r\n0\r\n\r\n")
            return
        body = b"x" * 200_000 + b"is well" if self.path == "/large" else b"all is well"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def _server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that does with its one connection what `talk` says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _http(url: str, **more: object) -> HttpProbe:
    return HttpProbe.model_validate({"http": url, **more})


def _late(result: ProbeResult, timeout: float) -> bool:
    return not result.ok and not result.blind and result.detail == f"no answer in {timeout:g} s" and result.seconds < timeout + SLACK


@pytest.mark.parametrize(
    ("path", "more", "detail"),
    [
        ("/ok", {}, ""),
        ("/ok?x=1#y", {"contains": "is well"}, ""),
        ("/chunked", {"contains": "is well"}, ""),
        ("/teapot", {"status": 418}, ""),
        ("/teapot", {}, "status 418, not 200"),
        ("/moved", {}, "status 302, not 200"),
        ("/ok", {"contains": "is ill"}, "the answer does not contain 'is ill'"),
        ("/large", {"contains": "is well"}, "the answer does not contain 'is well'"),
    ],
)
def test_http(view: View, web: http.server.ThreadingHTTPServer, path: str, more: dict[str, object], detail: str) -> None:
    """Status and text are judged, redirects not followed, and 64 kB read at most."""
    result = view.probe(_http(f"http://127.0.0.1:{web.server_port}{path}", **more))
    assert (result.ok, result.detail, result.blind) == (not detail, detail, False)
    assert result.probe == f"http http://127.0.0.1:{web.server_port}{path}"


def test_a_name_is_looked_up(view: View, web: http.server.ThreadingHTTPServer) -> None:
    """localhost by itself, another name by the resolver; one that nobody knows is a failure like any other."""
    assert view.probe(_http(f"http://localhost:{web.server_port}/ok")).ok
    assert view.probe(_http(f"http://{socket.gethostname()}:1/")).ok is False
    unknown = view.probe(TcpProbe(tcp="no-such-name.invalid:80", timeout_seconds=20))
    assert (unknown.ok, unknown.blind) == (False, False)


def _drip(head: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return talk


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["status", "header", "body", "endless"],
)
def test_a_drip_is_late(view: View, head: bytes) -> None:
    """A server that sends a byte now and then does not hold the probe: one deadline for all of it."""
    with _server(_drip(head)) as port:
        assert _late(view.probe(_http(f"http://127.0.0.1:{port}/", timeout_seconds=0.5)), 0.5)


def _silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def test_silence_is_late(view: View) -> None:
    """Accepted and never answered; the same for a handshake of TLS."""
    with _server(_silent) as port:
        assert _late(view.probe(_http(f"http://127.0.0.1:{port}/", timeout_seconds=0.3)), 0.3)
    with _server(_silent) as port:
        assert _late(view.probe(_http(f"https://127.0.0.1:{port}/", timeout_seconds=0.3)), 0.3)


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 70_000])
def test_nonsense_is_no_answer(view: View, said: bytes) -> None:
    """A hang-up, another protocol, garbage: a failed probe, never an exception."""
    with _server(lambda connection: connection.sendall(said)) as port:
        result = view.probe(_http(f"http://127.0.0.1:{port}/", timeout_seconds=5))
    assert (result.ok, result.blind) == (False, False)
    assert result.detail


def test_tls_is_spoken_with_anybody(view: View, web: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    """A certificate signed by itself, for another name, is another check's trouble."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=else.example"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    assert view.probe(_http(f"https://127.0.0.1:{web.server_port}/ok", contains="well")).ok


def test_tcp(view: View) -> None:
    """A port that accepts, and one that refuses; IPv6 in brackets."""
    with _server(_silent) as port:
        assert view.probe(TcpProbe(tcp=f"127.0.0.1:{port}")).ok
        assert not view.probe(TcpProbe(tcp=f"[::1]:{port}")).ok
    refused = view.probe(TcpProbe(tcp=f"127.0.0.1:{port}"))
    assert (refused.ok, refused.detail, refused.blind) == (False, "Connection refused", False)


def test_a_full_queue_is_late(view: View) -> None:
    """A listener whose queue is full does not answer: late, at the deadline."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(listener.getsockname())
        assert _late(view.probe(TcpProbe(tcp=f"127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.3)), 0.3)


def test_a_file_has_an_age(view: View, tmp_path: Path) -> None:
    """There, and young enough: of what a link leads to."""
    beat, link = tmp_path / "beat", tmp_path / "link"
    link.symlink_to(beat)
    assert view.probe(FileProbe(file=str(link))).detail == "there is no such file"
    beat.touch()
    assert view.probe(FileProbe(file=str(link), max_age_seconds=60)).ok
    os.utime(beat, (time.time() - 100, time.time() - 100))
    assert view.probe(FileProbe(file=str(link), max_age_seconds=60)).detail == "100 s old, more than 60 s"
    assert view.probe(FileProbe(file=str(link))).ok


@pytest.mark.parametrize(
    ("script", "detail"),
    [("exit 0", ""), ("echo no; echo it is ill >&2; exit 2", "exit status 2: it is ill"), ("kill -9 $$", "killed by signal 9")],
)
def test_a_command_is_judged_by_its_end(view: View, script: str, detail: str) -> None:
    """Exit status 0 is well; otherwise its last line says why."""
    result = view.probe(CommandProbe(command=("/bin/sh", "-c", script)))
    assert (result.ok, result.detail, result.blind) == (not detail, detail, False)


def test_a_command_that_hangs_is_late(view: View) -> None:
    """It is killed at the deadline."""
    assert _late(view.probe(CommandProbe(command=("/bin/sleep", "60"), timeout_seconds=0.3)), 0.3)


def test_our_own_trouble_is_no_fault(view: View, tmp_path: Path) -> None:
    """A program that is not installed, a user that does not exist, a path that may not be read: blind."""
    missing: list[tuple[Probe, str | None]] = [
        (CommandProbe(command=("/no/such/pg_isready",)), None),
        (CommandProbe(command=("/bin/true",)), "no-such-user"),
        (FileProbe(file=f"{tmp_path}/{'x' * 300}"), None),
    ]
    for probe, user in missing:
        result = view.probe(probe, user)
        assert (result.ok, result.blind) == (False, True), probe


def test_a_password_is_not_repeated(view: View) -> None:
    """A URL's user and password stay out of what is shown."""
    result = view.probe(_http("http://admin:hunter2@127.0.0.1:1/x"))
    assert result.probe == "http http://127.0.0.1:1/x"
    assert "hunter2" not in repr(result)
