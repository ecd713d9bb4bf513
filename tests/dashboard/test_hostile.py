"""Requests that nobody should send, byte by byte, to the dashboard's own process: no way in, no 500, no row changed."""

import re
import socket
from collections.abc import Callable, Iterator

import pytest

from dashboard.guard import HEADERS
from escalation import Desk
from escalation.doors import Doors
from orchestrator.config import Mail
from orchestrator.store import Store
from tests.browser.site import Site, free_port
from tests.cli.scenes import escalated

TARGET = b"shop.service"
"""What no answer may tell to who is not logged in."""


class Door:
    """The process, on a state where something waits, and a socket to it."""

    def __init__(self, port: int, dump: Callable[[], str], token: str) -> None:
        self.port, self.dump, self.token = port, dump, token

    @property
    def host(self) -> bytes:
        return b"127.0.0.1:%d" % self.port

    def say(self, *parts: bytes) -> bytes:
        """All that it answers to these bytes, until it closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as line:
            line.settimeout(1.0)
            heard = b""
            try:
                for part in parts:
                    line.sendall(part.replace(b"$HOST", self.host).replace(b"$TOKEN", self.token.encode()))
                while chunk := line.recv(65_536):
                    heard += chunk
            except (TimeoutError, ConnectionError):
                pass
            return heard


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("hostile")
    port, file = free_port(), folder / "config.toml"
    file.write_text(f'[daemon]\nstate_dir = "{folder / "state"}"\n[mail]\nenabled = false\n[dashboard]\nport = {port}\n')
    with Store(folder / "state") as store, Desk(folder / "state", Mail.model_validate({"enabled": False}), "web1") as desk:
        escalated(store, desk)
        store.remember_tick(1e9, {})

        def dump() -> str:
            return "\n".join([*store.ledger.db.conn.iterdump(), *desk.ledger.db.conn.iterdump()])

        with Doors(folder / "state") as doors:
            token = doors.create_token("reader", "read", "anna")
            doors.bearer(token)  # its first use is written down
        with Site(file, port):
            yield Door(port, dump, token)


GET = b"GET / HTTP/1.1\r\nHost: $HOST\r\n"
ACT = b"POST /escalations/1/ack HTTP/1.1\r\nHost: $HOST\r\n"
API = b"POST /api/v1/escalations/1/ack HTTP/1.1\r\nHost: $HOST\r\n"
END = b"Connection: close\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"
JSON = b"Content-Type: application/json\r\nContent-Length: 2\r\n" + END + b"{}"

REQUESTS: dict[str, tuple[bytes, ...]] = {
    "a foreign name": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n" + END,),
    "a name that begins like ours": (b"GET / HTTP/1.1\r\nHost: $HOST.evil.example\r\n" + END,),
    "two names": (b"GET / HTTP/1.1\r\nHost: $HOST\r\nHost: evil.example\r\n" + END,),
    "no name": (b"GET / HTTP/1.1\r\n" + END,),
    "no name, as long ago": (b"GET / HTTP/1.0\r\n\r\n",),
    "another name in the address": (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n" + END,),
    "forwarded by nobody": (GET + b"X-Forwarded-Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: host=localhost\r\n" + END,),
    "a rewritten path": (GET + b"X-Original-URL: /escalations/1\r\nX-Rewrite-URL: /escalations/1\r\n" + END,),
    "another method in a header": (GET + b"X-HTTP-Method-Override: POST\r\n" + END,),
    "an act without a session": (ACT + b"Sec-Fetch-Site: same-origin\r\n" + FORM + END,),
    "an act of another site": (ACT + b"Sec-Fetch-Site: cross-site\r\nOrigin: http://evil.example\r\n" + FORM + END,),
    "an act of nobody": (ACT + FORM + END,),
    "an underscore for a dash": (ACT + b"Sec_Fetch_Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n" + FORM + END,),
    "an act of the API without a token": (API + b"Sec-Fetch-Site: same-origin\r\n" + JSON,),
    "an act of the API with a wrong token": (API + b"Authorization: Bearer orc_w_" + b"A" * 43 + b"\r\n" + JSON,),
    "an act of the API with a token that only looks": (API + b"Authorization: Bearer $TOKEN\r\n" + JSON,),
    "a token as a cookie": (API + b"Sec-Fetch-Site: same-origin\r\nCookie: Authorization=Bearer $TOKEN\r\n" + JSON,),
    "a token in the address": (b"GET /api/v1/escalations?token=$TOKEN&access_token=$TOKEN HTTP/1.1\r\nHost: $HOST\r\n" + END,),
    "a token as a password": (b"GET /api/v1/escalations HTTP/1.1\r\nHost: $HOST\r\nAuthorization: Basic $TOKEN\r\n" + END,),
    "a made-up session": (GET + b"Cookie: orchestrator_8888=x; session=x; orchestrator_words=x\r\n" + END,),
    "ten thousand cookies": (GET + b"Cookie: " + b"; ".join(b"c%d=1" % n for n in range(10_000)) + b"\r\n" + END,),
    "ten thousand headers": (GET + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)) + END,),
    "a long address": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: $HOST\r\n" + END,),
    "a large body": (ACT + b"Sec-Fetch-Site: same-origin\r\nContent-Length: 2000000\r\n" + END, b"x" * 2_000_000),
    "a large body in pieces": (
        ACT + b"Sec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n" + END,
        *(b"10000\r\n" + b"x" * 65_536 + b"\r\n" for _ in range(40)),
        b"0\r\n\r\n",
    ),
    "a body that is announced and does not come": (ACT + b"Sec-Fetch-Site: same-origin\r\nContent-Length: 10\r\n" + END,),
    "two lengths": (ACT + b"Content-Length: 0\r\nContent-Length: 5\r\n" + END + b"GET /",),
    "a length and pieces": (
        ACT + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + b"GET /escalations/1 HTTP/1.1\r\nHost: $HOST\r\n\r\n",
    ),
    "strange pieces": (ACT + b"Transfer-Encoding: xchunked\r\n" + END + b"0\r\n\r\n",),
    "pieces twice": (ACT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + END + b"0\r\n\r\n",),
    "pieces with a strange length": (ACT + b"Transfer-Encoding: chunked\r\n" + END + b"-1\r\n\r\n0\r\n\r\n",),
    "a negative length": (ACT + b"Content-Length: -1\r\n" + END,),
    "a length in words": (ACT + b"Content-Length: ten\r\n" + END,),
    "a folded header": (GET + b"X-A: 1\r\n Host: evil.example\r\n" + END,),
    "a header without a name": (GET + b": x\r\n" + END,),
    "a header with a space before its colon": (GET + b"Content-Length : 5\r\n" + END,),
    "a header with a zero": (GET + b"X-A: \x00\r\n" + END,),
    "lines that end in a line feed alone": (b"GET / HTTP/1.1\nHost: $HOST\n\n",),
    "a second request after the first": (GET + b"\r\nGET /escalations/1 HTTP/1.1\r\nHost: evil.example\r\n" + END,),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",),
    "no version": (b"GET /\r\n\r\n",),
    "a strange version": (b"GET / HTTP/9.9\r\nHost: $HOST\r\n" + END,),
    "a strange method": (b"BREW / HTTP/1.1\r\nHost: $HOST\r\n" + END,),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: $HOST\r\n" + END,),
    "an echo": (b"TRACE / HTTP/1.1\r\nHost: $HOST\r\nX-Secret: 1\r\n" + END,),
    "options": (b"OPTIONS * HTTP/1.1\r\nHost: $HOST\r\n" + END,),
}
PATHS = (
    "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%252e%252e/app.py", "/static/..\\app.py",
    "/static//etc/passwd", "/static/%00", "/static/vendor", "/static/", "//evil.example/", "/\\evil.example", "/%2f%2fevil.example",
    "/login/../escalations/1", "/login/%2e%2e/escalations/1", "/static/../escalations/1", "/health/../escalations/1",
    "/escalations/1;login", "/escalations/1%00", "/escalations/%ff", "/ESCALATIONS/1", "/escalations/1/", "/escalations/1.json",
    "/escalations/%31", "/api/v1/../../escalations/1", "/api/v1//escalations", "/api//v1/escalations", "/API/v1/escalations",
    "/api/v1/escalations/%31", "/api/v1/openapi.json", "/login?next=//evil.example", "/login?next=https://evil.example",
    "/login?token=" + "x" * 10_000, "/login?token=%00%ff", "/.git/config", "/%0d%0aSet-Cookie:%20a=b",
    "/login?next=/%0d%0aSet-Cookie:%20a=b", "/?__debugger__=yes&cmd=resource&f=debugger.js", "/console",
)  # fmt: skip


def heads(heard: bytes) -> list[bytes]:
    """The head of each answer."""
    return [part.partition(b"\r\n\r\n")[0] for part in re.split(rb"(?=HTTP/1\.[01] [0-9]{3} )", heard) if part]


def judge(heard: bytes) -> None:
    for head in heads(heard):
        status = int(head.split(b" ")[1])
        assert status < 500 or status == 501, head
        assert status != 200 or b"orchestrator dashboard url" in heard, "something else than the door was shown"
        for name, value in HEADERS:
            assert f"{name}: {value}".encode().lower() in head.lower(), (name, head)
        assert b"set-cookie" not in head.lower()
        assert not re.search(rb"(?i)location: *(https?:|//|\\\\)", head), head
        assert b"server:" not in head.lower()
    assert TARGET not in heard
    assert b"Traceback" not in heard


@pytest.mark.parametrize("name", REQUESTS)
def test_no_request_finds_a_way_in(door: Door, name: str) -> None:
    """Refused, or led to the login; each answer carries the headers; nothing is told, and no row is changed."""
    before = door.dump()
    judge(door.say(*REQUESTS[name]))
    assert door.dump() == before


def test_no_path_finds_a_way_in(door: Door) -> None:
    """However it is written, what is shut is shut, and no file beside the static ones is given out."""
    before = door.dump()
    for path in PATHS:
        heard = door.say(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: $HOST\r\n" + END)
        assert heard, path
        judge(heard)
        assert b"import " not in heard, path
        assert b"root:" not in heard, path
    assert door.dump() == before


def test_it_lives_on(door: Door) -> None:
    """After all that it answers as before, and the token still opens what it may."""
    health = door.say(b"GET /health HTTP/1.1\r\nHost: $HOST\r\n" + END)
    assert health.startswith(b"HTTP/1.1 200")
    listing = door.say(b"GET /api/v1/escalations HTTP/1.1\r\nHost: $HOST\r\nAuthorization: Bearer $TOKEN\r\n" + END)
    assert TARGET in listing


def test_pieces_are_understood(door: Door) -> None:
    """A body in pieces is a body like any other: a token that only looks is told so."""
    head = b"POST /api/v1/escalations/1/ack HTTP/1.1\r\nHost: $HOST\r\nAuthorization: Bearer $TOKEN\r\nContent-Type: application/json\r\n"
    heard = door.say(head + b"Transfer-Encoding: chunked\r\n" + END + b"2\r\n{}\r\n0\r\n\r\n")
    assert b" 403 " in heads(heard)[0]


def test_many_silent_ones_hold_nobody_up(door: Door) -> None:
    """Connections that say nothing, or only half, keep no other from an answer."""
    silent = [socket.create_connection(("127.0.0.1", door.port), 5) for _ in range(60)]
    try:
        for line in silent[:30]:
            line.sendall(b"POST /login HTTP/1.1\r\nHost: ")
        assert door.say(b"GET /health HTTP/1.1\r\nHost: $HOST\r\n" + END).startswith(b"HTTP/1.1 200")
    finally:
        for line in silent:
            line.close()
