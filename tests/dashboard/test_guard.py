"""What never gets to Flask: strangers' names, other sites, misshapen and too many requests."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client

from dashboard.buckets import CLIENTS, Buckets
from dashboard.guard import BODY_BYTES, HEADERS, Guard, hosts_of, origins_of
from orchestrator.config.tables import Dashboard


def inside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What lies behind the guard: it answers, or fails as `/fail` asks."""
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("secret: the password is 1234")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Frame-Options", "ALLOWALL")])
    return [b"inside"]


@pytest.fixture
def client() -> Client:
    return Client(Guard(inside, Dashboard), use_cookies=False)


GOOD = {"Host": "127.0.0.1:8888"}


@pytest.mark.parametrize("host", ["localhost:8888", "127.0.0.1:8888", "[::1]:8888", "LOCALHOST:8888"])
def test_its_own_names_are_let_in(client: Client, host: str) -> None:
    """Every way to write the loopback, in any case."""
    assert client.get("/", headers={"Host": host}).text == "inside"


FOREIGN = (
    "evil.example", "evil.example:8888", "127.0.0.1", "localhost", "127.0.0.1:80", "127.0.0.1.evil.example:8888", "localhost.:8888",
    "0.0.0.0:8888", "127.1:8888", "2130706433:8888", "localhost:8888:8888", "localhost:8888, evil.example", "user@localhost:8888",
    "localhost:8888/", "[::ffff:127.0.0.1]:8888", "localhost:08888", " ", "\tlocalhost:8888",
)  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_name_is_turned_away(client: Client, host: str) -> None:
    """A name that somebody else owns may point to this host: it is not one of ours."""
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "inside" not in answer.text


def test_no_name_is_turned_away(client: Client) -> None:
    """A request that names no host is nobody's."""
    assert client.get("/", headers={"Host": ""}).status_code == 400


def test_declared_names_are_let_in() -> None:
    """Names with the own port, and behind a proxy as its address says; 0.0.0.0 is never a name."""
    assert {"ops.example.org", "ops2.example.org", "ops2.example.org:8888", "localhost:8888"} <= hosts_of(
        Dashboard(host="0.0.0.0", names=("OPS2.example.org",), url="https://ops.example.org")
    )
    assert hosts_of(Dashboard(host="0.0.0.0")) == hosts_of(Dashboard(host="::")) == {"localhost:8888", "127.0.0.1:8888", "[::1]:8888"}
    assert "https://ops.example.org:444" in origins_of(Dashboard(url="https://ops.example.org:444"))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "192.0.2.7"])
def test_where_links_lead_one_is_let_in(host: str) -> None:
    """The address that `dashboard url` prints is one that the guard knows, wherever it listens."""
    settings = Dashboard(host=host)
    assert settings.address.removeprefix("http://") in hosts_of(settings)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    """Looking and acting is all there is."""
    answer = (
        client.open("/", method=method, headers=GOOD)
        if method
        else client.open("/", headers=GOOD, environ_overrides={"REQUEST_METHOD": ""})
    )
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"


ACROSS: tuple[tuple[str, dict[str, str], int], ...] = (
    ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
    ("POST", {"Sec-Fetch-Site": "none"}, 403),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8888"}, 403),
    ("POST", {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer orc_w_x"}, 403),
    ("POST", {"Origin": "http://evil.example"}, 403),
    ("POST", {"Origin": "null"}, 403),
    ("POST", {"Origin": "http://localhost:9999"}, 403),
    ("POST", {}, 403),
    ("POST", {"Referer": "http://localhost:8888/"}, 403),
    ("POST", {"Authorization": "Bearer orc_w_x", "Cookie": "orchestrator_8888=x"}, 403),
    ("POST", {"Authorization": "Basic orc_w_x"}, 403),
    ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
    ("POST", {"Origin": "http://localhost:8888"}, 200),
    ("POST", {"Authorization": "Bearer orc_w_x"}, 200),
    ("GET", {}, 200),
    ("GET", {"Sec-Fetch-Site": "none"}, 200),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
)


@pytest.mark.parametrize(("method", "headers", "status"), ACROSS)
def test_another_site_may_link_here_and_no_more(client: Client, method: str, headers: dict[str, str], status: int) -> None:
    """What a browser says of where a request comes from decides; a POST that says nothing needs a program's token."""
    assert client.open("/", method=method, headers={**GOOD, **headers}).status_code == status


def test_bodies_and_headers_are_bounded(client: Client) -> None:
    """Too large, without a length, or with a strange one: refused before anything is read."""
    origin = {**GOOD, "Origin": "http://localhost:8888"}
    assert client.post("/", headers=origin, data=b"x" * BODY_BYTES).status_code == 200
    assert client.post("/", headers=origin, data=b"x" * (BODY_BYTES + 1)).status_code == 413
    assert client.post("/", headers=origin, environ_overrides={"CONTENT_LENGTH": "9" * 5000}).status_code == 413
    assert client.post("/", headers=origin, environ_overrides={"CONTENT_LENGTH": "-1"}).status_code == 411
    assert client.post("/", headers=origin, environ_overrides={"CONTENT_LENGTH": "1_0"}).status_code == 411
    assert client.post("/", headers=origin, environ_overrides={"CONTENT_LENGTH": "²"}).status_code == 411
    assert client.post("/", headers={**origin, "Transfer-Encoding": "chunked"}).status_code == 411
    assert client.get("/", headers={**GOOD, "Cookie": "; ".join(f"c{n}=1" for n in range(10_000))}).status_code == 431


def test_every_answer_carries_the_headers(client: Client) -> None:
    """Whether it comes from within, from the guard, or from a fault; what is within cannot weaken them."""
    for answer in (client.get("/", headers=GOOD), client.get("/fail", headers=GOOD), client.get("/", headers={"Host": "evil.example"})):
        assert {name: answer.headers.getlist(name) for name, _ in HEADERS} == {name: [value] for name, value in HEADERS}
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_fault_within_is_told_by_number(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The asker gets a number and no word of what happened; the journal has both."""
    answer = client.get("/fail", headers=GOOD)
    assert answer.status_code == 500
    assert "password" not in answer.text
    number = answer.text.rpartition("error ")[2].strip()
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
    api = Client(Guard(lambda environ, start: inside({**environ, "PATH_INFO": "/fail"}, start), Dashboard)).get("/api/v1/x", headers=GOOD)
    assert api.content_type == "application/problem+json"
    assert api.json is not None
    assert api.json["status"] == 500


def test_logins_are_limited_and_looking_is_not(client: Client) -> None:
    """Who tries links is slowed down, and told for how long; pages go on."""
    answers = [client.post("/login", headers={**GOOD, "Sec-Fetch-Site": "same-origin"}) for _ in range(30)]
    assert [answer.status_code for answer in answers].count(429) == 10
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 5
    assert client.get("/login", headers=GOOD).status_code == 200


def test_a_bucket_fills_again() -> None:
    """As many as the burst at once, then as time allows."""
    now = [0.0]
    buckets = Buckets(burst=3, per_second=0.5, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("b") == 0
    now[0] = 2.0
    assert [buckets.take("a"), buckets.take("a")] == [0, 2]


def test_the_table_of_buckets_is_bounded() -> None:
    """However many addresses somebody has, the table does not grow."""
    buckets = Buckets(burst=1, per_second=0.001)
    for n in range(CLIENTS + 50):
        buckets.take(f"client {n}")
    assert len(buckets._left) == CLIENTS
