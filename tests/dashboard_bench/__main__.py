"""Run by scripts/bench dashboard: each page from the real server, two clients at once, beside Datasette on the same file.

The state directory is made once and kept in build/. Everything listens on the loopback alone, and ends by itself.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.dashboard_bench.asking import Measured, measure, memory
from tests.dashboard_bench.big import ESCALATIONS, INCIDENTS, RARE, big_state
from tests.dashboard_bench.servers import Server, datasette, ours

FOLDER = Path("build/bench-dashboard").absolute()
MOST_MILLISECONDS, MOST_MEGABYTES = 100.0, 100.0
PAGES: Mapping[str, str] = {
    "the list": "/",
    "status": "/?status=open",
    "severity": "/?severity=critical",
    "check": "/?check=disk_full",
    "owner, all states": "/?owner=eve&status=open,acknowledged,snoozed,resolved",
    "a word in many": "/?q=deadlock",
    "a word in few": f"/?q={RARE}&status=resolved",
    "a word in none": "/?q=nowhere&status=resolved",
    "page 2": f"/?sort=newest&after=~{ESCALATIONS - 80}",
    "a deep page": f"/?status=resolved&after=~{ESCALATIONS * 2 // 5}",
    "the newest": "/?sort=newest",
    "resolved, last changed": "/?status=resolved&sort=updated",
    "nobody looked": "/?tray=true",
    "an escalation": f"/escalations/{ESCALATIONS - 1000}",
    "incidents": "/incidents",
    "incidents, a word": "/incidents?q=deadlock",
    "an incident": f"/incidents/{INCIDENTS - 500}",
    "with 10,000 observations": f"/incidents/{INCIDENTS}",
    "success, 30 days": "/success",
    "success, 90 days": "/success?days=90",
    "patterns": "/patterns",
    "decisions": "/decisions",
    "/metrics": "/metrics",
    "/health": "/health",
}
CALLS: Mapping[str, tuple[str, str]] = {
    "newest": ("/api/v1/escalations?limit=50&status=open,acknowledged,snoozed,resolved", "_sort_desc=id"),
    "status": ("/api/v1/escalations?limit=50&status=resolved", "_sort_desc=id&status=resolved"),
    "severity": ("/api/v1/escalations?limit=50&severity=critical&status=resolved", "_sort_desc=id&severity=critical&status=resolved"),
    "a word in many": ("/api/v1/escalations?limit=50&q=deadlock&status=resolved", "_sort_desc=id&title__contains=deadlock&status=resolved"),
    "a word in few": (f"/api/v1/escalations?limit=50&q={RARE}&status=resolved", f"_sort_desc=id&title__contains={RARE}&status=resolved"),
    "a deep page": ("/api/v1/escalations?limit=50&status=resolved&after=~40000", "_sort_desc=id&status=resolved&_next=40000"),
}
"""The same question to both: ours, which searches the reason too and counts five tabs, and Datasette's, which counts the rows found."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench dashboard", description=__doc__)
    parser.add_argument("-n", type=int, default=40, help="requests of each client for each page")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    state = big_state(FOLDER)
    how = {"clients": options.clients, "times": options.n}
    print(f"load of this machine before: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} processors")
    with ours(state, FOLDER) as server:
        print(f"{ESCALATIONS:,} escalations, {INCIDENTS:,} incidents; {options.clients} clients at once, {options.n} requests each (ms)")
        found = {name: _page(server, name, path, how) for name, path in PAGES.items()}
        calls = {name: measure(server, path, server.token, **how) for name, (path, _) in CALLS.items()}
        used = memory(server.pid)
    peers = {} if options.no_peer else _beside(state, calls, how)
    late = [name for name, measured in found.items() if measured.p95 >= MOST_MILLISECONDS]
    print(f"load of this machine after: {os.getloadavg()[0]:.1f}")
    print(f"memory of the server: RSS {used['rss']:.1f} MB, PSS {used['pss']:.1f} MB, at most {used['peak']:.1f} MB")
    fits = used["peak"] < MOST_MEGABYTES
    print(f"p95 under {MOST_MILLISECONDS:.0f} ms: {'every page' if not late else 'NOT ' + ', '.join(late)}")
    print(f"under {MOST_MEGABYTES:.0f} MB: {'yes' if fits else 'NO'}")
    if options.json:
        parts = {"pages": found, "calls": calls, "peer": peers}
        numbers = {part: {name: _numbers(measured) for name, measured in rows.items()} for part, rows in parts.items()}
        options.json.write_text(json.dumps({**numbers, "memory": used, **how}, indent=1))
    sys.exit(0 if fits and not late else 1)


def _page(server: Server, name: str, path: str, how: Mapping[str, int]) -> Measured:
    measured = measure(server, path, server.headers, clients=how["clients"], times=how["times"])
    print(f"  {name:26} {_told(measured)}{'   LATE' if measured.p95 >= MOST_MILLISECONDS else ''}", flush=True)
    return measured


def _beside(state: Path, calls: Mapping[str, Measured], how: Mapping[str, int]) -> dict[str, Measured]:
    """The peer's answers to what `calls` asked ours."""
    with datasette(state, FOLDER) as peer:
        if peer is None:
            return {}
        print(f"as JSON, beside {peer.name} on the same file")
        found: dict[str, Measured] = {}
        for name, (_, query) in CALLS.items():
            path = f"/escalations/escalations.json?_shape=objects&_size=50&_nocol=body&{query}"
            found[name] = measure(peer, path, {}, clients=how["clients"], times=max(3, how["times"] // 8))
            ratio = found[name].p50 / calls[name].p50
            print(f"  {name:26} ours {_told(calls[name])}\n  {'':21} theirs {_told(found[name])}   {ratio:.1f} x ours", flush=True)
        return found


def _told(measured: Measured) -> str:
    times = f"p50 {measured.p50:7.1f}   p95 {measured.p95:7.1f}   max {measured.slowest:7.1f}"
    return f"{times}   CPU {1000 * measured.spent:7.1f}   {measured.bytes / 1024:7.1f} kB"


def _numbers(measured: Measured) -> dict[str, Any]:
    return {
        "p50_ms": measured.p50,
        "p95_ms": measured.p95,
        "max_ms": measured.slowest,
        "cpu_ms": 1000 * measured.spent,
        "bytes": measured.bytes,
    }


if __name__ == "__main__":
    main()
