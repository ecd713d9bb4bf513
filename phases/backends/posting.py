"""One HTTP request with the standard library: no redirect is followed, nothing is unpacked, and no more is read than an answer can be."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping

from phases.backends.places import proxy_of
from phases.backends.reading import MOST_BYTES, dig, object_of
from phases.backends.words import Failed, Json

_TOLD_CHARACTERS = 300


def post(url: str, body: Json, headers: Mapping[str, str], seconds: float) -> Json:
    """The JSON object that the server answers. Raises Failed."""
    request = urllib.request.Request(  # noqa: S310  # looked at by places.checked
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
    )
    try:
        with _opener(url).open(request, timeout=seconds) as response:
            said, status = response.read(MOST_BYTES + 1), response.status
            broke_off = bool(response.length) and len(said) <= MOST_BYTES
    except TimeoutError as error:
        raise Failed("late", "the model's server did not answer in time") from error
    except (OSError, http.client.HTTPException) as error:
        raise _lost(error) from error
    return answer_of(status, said, broke_off=broke_off)


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Without the handlers that follow a redirect or turn a status into an exception."""
    opener = urllib.request.OpenerDirector()
    if proxy := proxy_of(url):
        opener.add_handler(urllib.request.ProxyHandler({"https": proxy}))
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler(context=ssl.create_default_context()) if url.startswith("https:") else _none())
    return opener


def _none() -> urllib.request.BaseHandler:
    return urllib.request.UnknownHandler()


def _lost(error: Exception) -> Failed:
    why = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(why, TimeoutError):
        return Failed("late", "the model's server did not answer in time")
    if isinstance(error, http.client.HTTPException) or isinstance(why, ConnectionResetError):
        return Failed("cut", f"the model's server broke off: {type(why).__name__}")
    return Failed("unreachable", f"the model's server: {why}")


def answer_of(status: int, said: bytes, *, broke_off: bool = False) -> Json:
    """What a server's answer means. Raises Failed."""
    if len(said) > MOST_BYTES:
        raise Failed("cut", f"the model's server said more than {MOST_BYTES >> 10} KiB")
    if broke_off:
        raise Failed("cut", f"the model's server broke off after {len(said)} bytes")
    text = said.decode(errors="replace")
    if status == 200:
        return object_of(text)
    raise refused(status, told(text))


def told(text: str) -> str:
    """What a server says of an error, in whichever of the usual forms."""
    try:
        said = object_of(text)
    except Failed:
        return ""
    words = dig(said, "error", "message") or dig(said, "error") or dig(said, "message")
    return " ".join(str(words or "").split())[:_TOLD_CHARACTERS]


def refused(status: int, words: str) -> Failed:
    """What another status than 200 means."""
    reason = f"the model's server says {status}" + (f": {words}" if words else "")
    if status in (429, 503, 529):
        return Failed("busy", reason)
    if status == 408 or status >= 500:
        return Failed("unreachable", reason)
    if 300 <= status < 400:
        return Failed(
            "misconfigured", f"{reason}: it sends us elsewhere, and we do not go", mend="the url of [agents]: where it leads itself"
        )
    if status in (401, 403):
        return Failed("misconfigured", reason, mend="a key that the server takes, in the key_file of [agents]")
    return Failed("misconfigured", reason)
