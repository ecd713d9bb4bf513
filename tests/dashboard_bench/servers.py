"""Our own server, and the peer: Datasette, which serves any SQLite file as pages and JSON, here the same file."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

DATASETTE = "datasette>=0.65,<1"

_ENVIRONMENT = {**os.environ, "MALLOC_ARENA_MAX": "2", "PYTHONNODEBUGRANGES": "1"}
"""As escalation-dashboard.service has it; for both alike."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    pid: int
    headers: Mapping[str, str]
    token: Mapping[str, str]


@contextmanager
def ours(state: Path, folder: Path) -> Iterator[Server]:
    """`orchestrator dashboard serve`, with somebody logged in and a token."""
    port, config = _free_port(), folder / "config.toml"
    config.write_text(f'[daemon]\nstate_dir = "{state}"\n[mail]\nenabled = false\n[dashboard]\nport = {port}\n')
    command = [sys.executable, "-m", "orchestrator", "dashboard"]
    with _running([*command, "serve", "--config", str(config)], port, folder / "serve.log") as pid:
        link = _said([*command, "url", "--config", str(config)])
        token = _said([*command, "token", "create", f"bench-{os.getpid()}", "--read", "--config", str(config)])
        yield Server("ours", port, pid, {"Cookie": _session(port, link)}, {"Authorization": f"Bearer {token}"})


@contextmanager
def datasette(state: Path, folder: Path) -> Iterator[Server | None]:
    """None, and why on stderr, where it cannot be installed."""
    program = folder / "peer" / "bin" / "datasette"
    try:
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", folder / "peer"], check=True)
            subprocess.run([program.with_name("pip"), "install", "--quiet", DATASETTE], check=True)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"the peer is left out: {error}\n")
        yield None
        return
    port = _free_port()
    command = [str(program), "serve", str(state / "escalations.db"), "-p", str(port), "--setting", "sql_time_limit_ms", "20000"]
    with _running(command, port, folder / "peer.log") as pid:
        yield Server("Datasette", port, pid, {}, {})


def _session(port: int, link: str) -> str:
    """The cookie that the link is worth."""
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    form = urllib.parse.urlencode({"token": token, "next": "/"})
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", form, own)
    answer = connection.getresponse()
    found = re.match(r"[^;]+", answer.headers.get("Set-Cookie", ""))
    if answer.status != 303 or found is None:
        raise RuntimeError(f"no way in: {answer.status} {answer.read()[:500]!r}")
    return found.group()


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[int]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=_ENVIRONMENT) as process:
        try:
            deadline = time.monotonic() + 60
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command)} does not answer; {log} may tell why")
                time.sleep(0.05)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
    return port
