"""The guard before the pages: who asks for what, from where, how much and how often. Plain WSGI, so that nothing runs before it.

A loopback address is no boundary: any page in the operator's browser can send requests to it, and a name that an attacker
owns can be made to point there (DNS rebinding). So the Host is compared with an exact set before anything else is read.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.datastructures import Headers

from dashboard.buckets import Buckets
from dashboard.problem import Problem, page_of
from orchestrator.config.tables import Dashboard

log = logging.getLogger(__name__)

BODY_BYTES = 1_048_576
HEADER_BYTES = 32_768
METHODS = ("GET", "HEAD", "POST")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    # Not no-referrer: with that a browser sends `Origin: null` with our own forms, and nobody could tell them from a stranger's.
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every answer, whoever gives it."""


class Guard:
    """Wraps the application; what it turns away never gets there."""

    def __init__(self, application: WSGIApplication, settings: Callable[[], Dashboard]) -> None:
        self._application, self._settings = application, settings
        self._posts = Buckets(burst=240, per_second=20)
        self._logins = Buckets(burst=20, per_second=0.2)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
            return start_response(status, guarded(headers), exc_info)

        try:
            refusal = self._refusal(environ)
            if refusal is None:
                return self._application(environ, start)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("error %s at %s %r", number, environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            refusal = Problem(
                status=500, detail=f"this is a fault of the dashboard itself; its journal has it as error {number}", id=number
            )
        return page_of(refusal, environ)(environ, start)

    def _refusal(self, environ: WSGIEnvironment) -> Problem | None:
        return self._stranger(environ) or self._misshapen(environ) or self._cross_site(environ) or self._too_often(environ)

    def _stranger(self, environ: WSGIEnvironment) -> Problem | None:
        host = environ.get("HTTP_HOST", "").lower()
        if not host:
            return Problem(status=400, detail="the request names no host")
        if host not in hosts_of(self._settings()):
            return Problem(status=421, detail="this dashboard does not go by that name; [dashboard] names and url say by which it does")
        return None

    def _misshapen(self, environ: WSGIEnvironment) -> Problem | None:
        method = environ.get("REQUEST_METHOD", "")
        if method not in METHODS:
            return Problem(status=405, detail=f"{' and '.join(METHODS)} are all that is understood here", allow=METHODS)
        if sum(len(name) + len(value) for name, value in environ.items() if name.startswith("HTTP_")) > HEADER_BYTES:
            return Problem(status=431, detail=f"the request's headers are larger than {HEADER_BYTES} bytes")
        length = environ.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in environ or not (length.isascii() and length.isdigit()):  # the server has unpacked any that it knows
            return Problem(status=411, detail="the request does not say how long its body is")
        if len(length) > 18 or int(length) > BODY_BYTES:  # Python reads no number of thousands of digits
            return Problem(status=413, detail=f"the request's body is larger than {BODY_BYTES} bytes")
        return None

    def _cross_site(self, environ: WSGIEnvironment) -> Problem | None:
        """A browser tells where a request comes from. Another site may link here, and no more."""
        site, changes = environ.get("HTTP_SEC_FETCH_SITE", ""), environ.get("REQUEST_METHOD") == "POST"
        refused = Problem(status=403, detail="the request comes from another site")
        if site == "same-origin" or (site == "none" and not changes):
            return None
        if not changes:
            linked = environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST", "document") == "document"
            return None if not site or linked else refused
        if site:
            return refused
        if "HTTP_ORIGIN" in environ:
            return None if environ["HTTP_ORIGIN"].lower() in origins_of(self._settings()) else refused
        if environ.get("HTTP_AUTHORIZATION", "").lower().startswith("bearer ") and "HTTP_COOKIE" not in environ:
            return None  # a program, not a browser: no other site can make a browser send that header
        return Problem(status=403, detail="the request does not say where it comes from: send Origin, or an API token")

    def _too_often(self, environ: WSGIEnvironment) -> Problem | None:
        if environ.get("REQUEST_METHOD") != "POST":
            return None
        client = environ.get("REMOTE_ADDR", "")
        buckets = self._logins if environ.get("PATH_INFO") == "/login" else self._posts
        seconds = buckets.take(client)
        return Problem(status=429, detail=f"too many requests; try again in {seconds:.0f} s", retry_after=seconds) if seconds else None


def hosts_of(settings: Dashboard) -> frozenset[str]:
    """Every Host that a request may name. 0.0.0.0 is none: a page elsewhere could ask for it, and end up here."""
    own = {"localhost", "127.0.0.1", "[::1]"}
    named = {name.lower() for name in settings.names}
    if settings.host not in ("", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        own.add(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    ports = ["", f":{settings.port}"] if settings.port == 80 else [f":{settings.port}"]
    hosts = {name + port for name in own | named for port in ports}
    if settings.url:
        at = urlsplit(settings.url)
        hosts |= {at.netloc.lower(), *(name + (f":{at.port}" if at.port else "") for name in named)}
    return frozenset(hosts)


def origins_of(settings: Dashboard) -> frozenset[str]:
    """Every Origin that a form may come from."""
    schemes = {"http", urlsplit(settings.url).scheme or "http"}
    return frozenset(f"{scheme}://{host}" for scheme in schemes for host in hosts_of(settings))


def guarded(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers with those of every answer. What is not said to be cached is kept by nobody."""
    answer = Headers(list(headers))
    for name, value in HEADERS:
        answer[name] = value
    answer.setdefault("Cache-Control", "no-store")
    return list(answer)
