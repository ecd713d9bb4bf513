"""Where a model is reached: https, or this host's own loopback. Looked at again here, at the last moment before anything is said."""

import ipaddress
import os
import socket
import urllib.request
from urllib.parse import urlsplit

from phases.backends.words import Failed


def checked(url: str) -> str:
    """`url`, with `localhost` as the address that answers. Raises Failed."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return url.rstrip("/")
    if parts.scheme != "http" or not (host == "localhost" or _is_loopback(host)):
        raise Failed("misconfigured", f"{url} is neither https nor on this host's loopback")
    if host != "localhost":
        return url.rstrip("/")
    port = parts.port or 80
    return f"http://{_local(port)}:{port}{parts.path}".rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local(port: int) -> str:
    """The name may mean two addresses, and a program listens on one of them; or somebody made it mean another host."""
    found = {str(address[0]) for *_, address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    if not all(map(_is_loopback, found)):
        raise Failed("misconfigured", "localhost is not this host", mend="grep -n localhost /etc/hosts")
    for host in sorted(found, key=len, reverse=True):
        try:
            socket.create_connection((host, port), timeout=2).close()
        except OSError:
            continue
        return f"[{host}]" if ":" in host else host
    raise Failed("unreachable", f"nobody listens on port {port} of localhost", mend=f"ss -ltn 'sport = :{port}'")


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for it; never one for the loopback."""
    parts = urlsplit(url)
    if parts.scheme != "https" or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get("https")


def without_proxies() -> dict[str, str]:
    """The environment for a program that shall ask the loopback."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
