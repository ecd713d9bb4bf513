"""Runs inside the host as whoever attacks; the standard library alone. Orders come as JSON on stdin, with how many at once; answers go out.

An order is {"say": {...}} or {"raw": base64}; with "wait": seconds, the line is sent without its end first.
"""

import base64
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SOCKET = "/run/autonomous-orchestrator/hands.sock"
SECONDS = 60


def said(order: dict[str, Any]) -> Any:
    raw = base64.b64decode(order["raw"]) if "raw" in order else json.dumps(order["say"]).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        try:
            line.connect(SOCKET)
            if "wait" in order:
                time.sleep(order["wait"])
            line.sendall(raw)
            if order.get("half"):
                line.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := line.recv(1 << 16):
                answer += chunk
        except OSError as error:
            return {"closed": str(error)}
    return json.loads(answer) if answer else {"closed": "no answer"}


def main() -> None:
    orders, at_once = json.load(sys.stdin)
    with ThreadPoolExecutor(at_once) as attackers:
        json.dump(list(attackers.map(said, orders)), sys.stdout)


if __name__ == "__main__":
    main()
