#!/usr/bin/python3
"""A small web service that can be broken in the ways real ones break. Standard library alone: it runs on a bare host.

    webapp.py --config FILE [--test]      --test: judge the configuration and exit

The file has `key = value` lines; `#` begins a comment. Keys, with what is used when they are absent:

    address = 127.0.0.1       port = 8080
    data =                    a directory: POST /write appends to DIR/data, and /health fails when that cannot be done
    pid_file =                refuses to start when it exists, whoever it names; removed at an orderly end
    lock_file =               refuses to start when another process holds its lock
    socket =                  also serves on a unix socket; refuses to start when the file exists
    needs =                   host:port or a path; /health answers 503 when it is not there
    needs_at_start = no       yes: refuses to start without it
    start_seconds = 0         how long it takes to open its port
    answer_seconds = 0        how long each answer takes
    work_seconds = 0          how long each answer needs a CPU
    workers = 4               requests served at once; a hung one never comes back
    greeting = hello          what / says

Paths: / /health /hang (takes a worker for ever) /crash (SIGABRT) /exit?status=N /leak?mb=N (takes memory) /files?n=N
(opens files) /child (leaves a child that holds the port) /write /say (logs what the client
sent). SIGHUP reads the configuration again; a broken one is refused and the old one kept. Exit status: 78 configuration, 1 anything else.
"""

import argparse
import fcntl
import os
import queue
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

DEFAULTS: dict[str, str] = {
    "address": "127.0.0.1", "port": "8080", "data": "", "pid_file": "", "lock_file": "", "socket": "", "needs": "", "needs_at_start": "no",
    "start_seconds": "0", "answer_seconds": "0", "work_seconds": "0", "workers": "4", "greeting": "hello",
}  # fmt: skip
NUMBERS = ("port", "start_seconds", "answer_seconds", "work_seconds", "workers")


class BadConfig(Exception):
    """The configuration cannot be used."""


class CannotStart(Exception):
    """Something in the way."""


def read_config(path: str) -> dict[str, str]:
    settings = dict(DEFAULTS)
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadConfig(f"cannot read {path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key not in DEFAULTS:
            raise BadConfig(f"{path}:{number}: unknown directive {text!r}")
        if key in NUMBERS and not value.replace(".", "", 1).isdigit():
            raise BadConfig(f"{path}:{number}: {key} wants a number, not {value!r}")
        settings[key] = value
    return settings


def reachable(place: str) -> bool:
    if place.startswith("/"):
        return Path(place).exists()
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def work(seconds: float) -> None:
    """Use a CPU for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class App:
    """The service's state, shared by all requests."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.settings = read_config(path)
        self.kept: list[object] = []

    def claim(self) -> None:
        """Take the lock and the pid file, and look for what is needed; raises CannotStart."""
        lock_file, pid_file, needs = self.settings["lock_file"], self.settings["pid_file"], self.settings["needs"]
        if lock_file:
            lock = Path(lock_file).open("a")  # noqa: SIM115  held as long as the process lives
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotStart(f"{lock_file} is locked by another process") from None
            self.kept.append(lock)
        if pid_file:
            if Path(pid_file).exists():
                raise CannotStart(f"pid file {pid_file} exists (pid {Path(pid_file).read_text().strip()}); already running?")
            Path(pid_file).write_text(f"{os.getpid()}\n")
        if needs and self.settings["needs_at_start"] == "yes" and not reachable(needs):
            raise CannotStart(f"cannot reach {needs}")

    def release(self) -> None:
        for path in (self.settings["pid_file"], self.settings["socket"]):
            if path:
                Path(path).unlink(missing_ok=True)

    def reload(self) -> None:
        try:
            self.settings = read_config(self.path)
        except BadConfig as error:
            say(f"reload refused: {error}")
        else:
            say("configuration read again")

    def trouble(self) -> str:
        """Why the service is not healthy; empty when it is."""
        needs = self.settings["needs"]
        if needs and not reachable(needs):
            return f"cannot reach {needs}"
        try:
            self.append("")
        except OSError as error:
            return f"cannot write data: {error.strerror}"
        return ""

    def append(self, text: str) -> None:
        if self.settings["data"]:
            with (Path(self.settings["data"]) / "data").open("a") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())


class Handler(BaseHTTPRequestHandler):
    app: App
    listener: socket.socket

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        number = int(next(iter(parse_qs(url.query).values()), ["0"])[0])
        time.sleep(float(self.app.settings["answer_seconds"]))
        work(float(self.app.settings["work_seconds"]))
        match url.path:
            case "/":
                self.answer(200, self.app.settings["greeting"])
            case "/health":
                trouble = self.app.trouble()
                self.answer(503 if trouble else 200, trouble or "ok")
            case "/hang":
                threading.Event().wait()
            case "/crash":
                os.kill(os.getpid(), signal.SIGABRT)
            case "/exit":
                os._exit(number)
            case "/leak":
                self.app.kept.append(b"x" * (number << 20))
                self.answer(200, "taken")
            case "/files":
                self.app.kept.extend(Path("/dev/null").open() for _ in range(number))  # noqa: SIM115  the leak is wanted
                self.answer(200, "open")
            case "/child":
                if os.fork() == 0:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                    signal.pause()
                self.answer(200, "left behind")
            case _:
                self.answer(404, "no such page")

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode(errors="replace")
        if self.path == "/say":
            say(sent)
            self.answer(200, "said")
            return
        try:
            self.app.append(sent)
        except OSError as error:
            say(f"write failed: {error.strerror}")
            self.answer(500, str(error.strerror))
        else:
            self.answer(200, "written")

    def answer(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "client"  # a unix socket's client has no address

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """Say nothing of each request."""


class Server(HTTPServer):
    """A fixed number of workers, so that hung requests use them up; the rest wait in the queue, as in real servers."""

    def __init__(self, app: App, listener: socket.socket, workers: int) -> None:
        handler = type("BoundHandler", (Handler,), {"app": app, "listener": listener})
        super().__init__(("", 0), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.waiting: queue.Queue[tuple[socket.socket, object]] = queue.Queue()
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, object]:
        try:
            return super().get_request()
        except OSError as error:
            say(f"accept failed: {error.strerror}")
            time.sleep(0.5)  # as servers do that have no file left: to ask again at once would use up a CPU
            raise

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            self.waiting.put((request, client_address))

    def _work(self) -> None:
        while True:
            request, client = self.waiting.get()
            try:
                self.finish_request(request, client)
            except OSError as error:
                say(f"request failed: {error}")
            finally:
                self.shutdown_request(request)


def listen(family: socket.AddressFamily, address: str | tuple[str, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    if family != socket.AF_UNIX:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        shown = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        raise CannotStart(f"bind to {shown} failed: {error.strerror}") from None
    listener.listen(64)
    return listener


def say(text: str) -> None:
    sys.stderr.write(f"webapp: {text}\n")
    sys.stderr.flush()


def ready() -> None:
    """Tell systemd, for units of Type=notify."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", path.replace("@", "\0", 1))


def serve(app: App) -> None:
    settings = app.settings
    app.claim()
    time.sleep(float(settings["start_seconds"]))
    listeners = [listen(socket.AF_INET, (settings["address"], int(settings["port"])))]
    if settings["socket"]:
        listeners.append(listen(socket.AF_UNIX, settings["socket"]))
    for listener in listeners:
        threading.Thread(target=Server(app, listener, int(settings["workers"])).serve_forever, daemon=True).start()
    say(f"listening on {settings['address']}:{settings['port']}")
    ready()
    while signal.sigwait({signal.SIGTERM, signal.SIGHUP}) == signal.SIGHUP:
        app.reload()
    app.release()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
    try:
        app = App(options.config)
        if options.test:
            say("configuration is fine")
        else:
            serve(app)
    except BadConfig as error:
        say(f"configuration error: {error}")
        return 78
    except CannotStart as error:
        say(f"cannot start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
