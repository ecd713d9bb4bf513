"""An engine with a Docker-compatible API on a unix socket, that tells what it is told: real answers, cut to what is read."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ID = "0fc7a9de7c03efe2eef84b1ab470802b7c83926ff785e8da04bb95ec38f5bfbb"
STARTED, ENDED = 1_795_246_182.0, 1_795_246_190.0


@dataclass
class Told:
    """What it answers, and what it was asked."""

    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    log: bytes = b""
    refuses: str = ""
    asked: list[str] = field(default_factory=list)

    def has(self, name: str = "shelf", *, status: str = "running", number: str = ID, **more: Any) -> None:
        """A container: its state's own fields, and beside them policy, labels, ports, mounts."""
        policy, labels, ports, mounts = (more.pop(key, default) for key, default in _BESIDE.items())
        self.containers[number] = {
            "Id": number,
            "Name": f"/{name}",
            "Image": "sha256:64f8",
            "RestartCount": more.pop("restarts", 0),
            "State": {"Status": status, "ExitCode": 0, "OOMKilled": False, "Error": "", "Pid": 0, "FinishedAt": _ENDED_AT, **more},
            "HostConfig": {"RestartPolicy": policy, "AutoRemove": False, "PortBindings": ports},
            "Config": {"Labels": labels},
            "Mounts": mounts,
        }

    def tells(self, *actions: str, number: str = ID, **attributes: str) -> None:
        for action in actions:
            at = int((STARTED + len(self.events)) * 1e9)
            self.events.append({"Type": "container", "Action": action, "Actor": {"ID": number, "Attributes": attributes}, "timeNano": at})


_BESIDE: dict[str, Any] = {"policy": {"Name": "", "MaximumRetryCount": 0}, "labels": {}, "ports": {}, "mounts": []}
_ENDED_AT = "2026-11-21T07:29:50.123456789Z"


@contextmanager
def engine(path: Path) -> Iterator[Told]:
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            told.asked.append(f"{self.command} {parts.path.removeprefix('/v1.40')}")
            status, body = _answer(told, parts.path.removeprefix("/v1.40"), {key: row[0] for key, row in parse_qs(parts.query).items()})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body:  # whoever is told that there is none may be gone
                self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the server's own word

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_words: object) -> None:
            pass

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield told
        server.shutdown()


def _answer(told: Told, path: str, query: dict[str, str]) -> tuple[int, bytes]:  # one a question
    filters = json.loads(query.get("filters", "{}"))
    match path.split("/")[1:]:
        case ["containers", "json"]:
            rows = [{"Id": number, "State": one["State"]["Status"]} for number, one in told.containers.items() if _fits(one, filters)]
            return 200, json.dumps(rows).encode()
        case ["events"]:
            rows = [event for event in told.events if event["Actor"]["ID"] in filters.get("container", told.containers)]
            return 200, b"\n".join(json.dumps(event).encode() for event in rows)
        case ["containers", number, "json"] if number in told.containers:
            return 200, json.dumps(told.containers[number]).encode()
        case ["containers", number, "logs"] if number in told.containers:
            return 200, told.log
        case ["containers", number, "start" | "restart" as verb] if number in told.containers:
            return _changed(told, number, verb)
        case _:
            return 404, b'{"cause": "no such thing"}'


def _changed(told: Told, number: str, verb: str) -> tuple[int, bytes]:
    if told.refuses:
        return 500, json.dumps({"cause": told.refuses, "message": told.refuses}).encode()
    told.has(told.containers[number]["Name"].lstrip("/"), number=number)
    told.tells(*(("kill", "die", "stop") if verb == "restart" else ()), "start", number=number)
    return 204, b""


def _fits(one: dict[str, Any], filters: dict[str, Any]) -> bool:
    return "health" not in filters or (one["State"].get("Health") or {}).get("Status") in filters["health"]
